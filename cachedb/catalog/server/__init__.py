"""Catalogs in a PostgreSQL server, one schema each; imported only where one is named."""
