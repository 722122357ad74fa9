"""Checks: validate, verify, repair and doctor."""
