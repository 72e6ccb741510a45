"""Proof that the two forms of the arithmetic, words and gates, are one function.

Only ``Drive`` and ``ProductSum`` differ between "words" (quick to simulate) and "gates" (what is
synthesised). Both are combinational. SAT solvers and BDDs are bad at multipliers, so a Verilator
model counts through every input of reduced specs that together have every feature, and through a
million random and extreme inputs of full-size columns.
"""
