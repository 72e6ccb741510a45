"""Mutation score: how many small faults in a circuit its bench sees.

Yosys changes the word-level netlist in many places at once, each change behind a value of a new
input ``mutsel``; one Verilator build runs them all. A mutant is killed by a wrong beat, a broken
rule of a stream, a wrong cycle or a time-out. Those that survive are tried by an equivalence proof;
whatever it does not prove equal counts against the bench.
"""
