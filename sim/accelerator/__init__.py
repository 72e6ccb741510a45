"""The accelerator in simulation: its instructions in Python, its memory, its runs."""
