"""Handles of the statements of reconciliation."""
