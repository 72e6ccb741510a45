"""Hypothesis without deadlines: a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("golden", deadline=None)
settings.load_profile("golden")
