"""Syntax of the query language: scanner, parser, syntax tree, quoting."""
