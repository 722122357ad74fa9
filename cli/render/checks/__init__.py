"""Results of `cachedb check` in the formats of CI systems."""
