"""Streaming tar: ustar, GNU, PAX and sparse members, read and written."""
