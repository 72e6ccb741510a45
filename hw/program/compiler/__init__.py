"""From an integer network to a program."""
