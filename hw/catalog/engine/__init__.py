"""The attention engine."""
