"""Statements of the catalog: SQLAlchemy Core selects and writes over `schema`."""
