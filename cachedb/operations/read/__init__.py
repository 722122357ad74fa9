"""Read operations: resolve, list, inspect, measure and query."""
