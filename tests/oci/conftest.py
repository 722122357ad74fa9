"""Hypothesis settings: no deadline, so that a loaded machine does not fail a law."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
