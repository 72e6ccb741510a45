"""Softmax, max-finder and top-k."""
