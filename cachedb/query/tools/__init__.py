"""Tools over queries: completion and explanation."""
