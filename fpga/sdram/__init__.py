"""External memory of a board: synchronous DRAM, its controller, its pins and its model."""
