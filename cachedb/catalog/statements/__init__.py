"""Named statements: handles with the types of their rows, one module a subject; no SQL."""
