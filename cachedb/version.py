"""Version of cachedb, from which the build backend reads that of the distribution."""

VERSION = "0.1.0"
