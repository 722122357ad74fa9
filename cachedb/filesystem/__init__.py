"""Tar archives in, file systems and archives out."""
