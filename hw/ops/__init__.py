"""Operators in hardware; the same file stems as ``golden.ops``."""
