"""Compiler of the query language: from the checked tree to one SQL statement."""
