"""Schemas of a catalog in a server: made, checked, renamed and dropped, with rights on them."""
