"""Blocks by name: what the generator can make, what is told of each, and vectors to try it."""
