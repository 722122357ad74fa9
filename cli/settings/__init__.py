"""Defaults of options: environment, configuration file, and configuration of the cache."""
