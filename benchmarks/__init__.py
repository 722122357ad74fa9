"""What `make bench` runs: cachedb beside other tools, whole processes, as ratios."""
