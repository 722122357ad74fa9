"""Semantics of the query language: checked tree, literals, types and their errors."""
