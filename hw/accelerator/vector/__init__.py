"""The vector unit: what is between the products, element by element and row by row."""
