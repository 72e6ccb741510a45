"""Attention: the engine, and additive attention on vector lanes."""
