"""Files inside the layers of images: list, read, compare, and measure what is stored in vain."""
