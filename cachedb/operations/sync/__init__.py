"""Reconciliation: keep the catalog up to date with the files, and recover."""
