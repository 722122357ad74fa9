"""The query language: text, syntax tree, typed tree, one statement."""
