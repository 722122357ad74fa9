"""Shared options of commands, and the parsing of their values."""
