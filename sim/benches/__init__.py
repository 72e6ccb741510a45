"""cocotb benches, one per interface shape; ``sim.runner`` runs them."""
