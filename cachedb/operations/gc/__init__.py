"""Garbage collection: mark, sweep, retention and removal of names."""
