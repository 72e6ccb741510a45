"""The CIM macro: bitcells, feeders, products, adder trees."""
