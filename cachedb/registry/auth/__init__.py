"""Authentication against registries: challenges, credentials, tokens."""
