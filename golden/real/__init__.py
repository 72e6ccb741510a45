"""The real-valued definitions: the truth that the integer operators are bounded against."""
