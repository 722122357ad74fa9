"""Index of the files inside layers: a separate database, attached to the catalog when needed."""
