"""Files inside the layers of images: list, read, compare, and measure wasted bytes."""
