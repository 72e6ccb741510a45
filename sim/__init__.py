"""PROOF: the circuits against golden, in Amaranth's simulator and in Verilator."""
