"""Derived rows: what reconciliation computes from files and writes to the catalog."""
