"""The core: several macros behind one input buffer, with partial sums and requantizers."""
