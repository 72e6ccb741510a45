"""The macro, the core and its requantizer."""
