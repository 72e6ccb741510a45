"""Networks: compositions of operators as graphs, and what executes them."""
