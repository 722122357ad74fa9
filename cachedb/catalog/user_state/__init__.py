"""User state: what only the catalog knows, and how it outlives a catalog that is given up."""
