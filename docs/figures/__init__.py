"""Rows of the README's results, by subject."""
