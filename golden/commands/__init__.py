"""The commands of ``python -m golden``, one a file."""
