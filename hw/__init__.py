"""HOW: the circuits, in Amaranth. Reads golden's specs, configs and tables, never its answers."""
