"""Archives: tar streams, image archives, flattening of layers, compression."""
