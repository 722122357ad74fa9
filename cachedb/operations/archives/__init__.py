"""Import and export: images from archives and layouts into the cache, and out of it."""
