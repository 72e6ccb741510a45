"""Attention on the engine's RTL: jobs, their beats, how busy the array is, real layers."""
