"""How a real network becomes an integer one: ranges, scales, integer forms, bias correction."""
