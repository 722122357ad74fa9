"""Benchmarks: whole processes of cachedb and of other tools, compared as ratios."""
