"""Index of the files inside layers: a database of its own, attached to the catalog when needed."""
