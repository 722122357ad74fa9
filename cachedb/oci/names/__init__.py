"""Names beside references: of entries of index.json, of single platforms, of containerd."""
