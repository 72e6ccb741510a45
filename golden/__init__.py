"""WHAT: the numbers. Specs, integer arithmetic, operators and networks, in NumPy."""
