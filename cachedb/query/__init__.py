"""The query language: text, tree, checked tree, one statement."""
