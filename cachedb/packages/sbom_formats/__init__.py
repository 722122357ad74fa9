"""Formats of SBOMs: each reader yields the packages of the elements of one document."""
