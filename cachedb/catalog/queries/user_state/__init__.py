"""Statements on user state: names and pins, leases, repositories that hold blobs."""
