"""Rewriting of first attempts into valid queries, for error messages."""
