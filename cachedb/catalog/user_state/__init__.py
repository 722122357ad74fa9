"""User state: data that only the catalog holds, and its transfer to a new catalog."""
