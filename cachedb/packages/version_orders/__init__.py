"""Orders of versions, one module a family of package ecosystems."""
