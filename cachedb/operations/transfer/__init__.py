"""Transfers: pull, push, copy, import and export."""
