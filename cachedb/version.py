"""The version of cachedb; pyproject.toml states the same."""

VERSION = "0.1.0"
