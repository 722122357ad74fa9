"""Derived rows, which reconciliation computes from files and writes to the catalog."""
