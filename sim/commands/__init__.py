"""Commands of ``python -m sim``, one file each; ``sim.__main__`` lists them."""
