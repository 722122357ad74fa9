"""Mirroring: lists of images in files, and the references they select at registries."""
