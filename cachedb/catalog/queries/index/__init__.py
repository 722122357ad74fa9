"""Statements of reconciliation: rows loaded, compared, inserted, updated and deleted."""
