"""Staging area of a layout: blobs that are being written and are not visible yet."""
