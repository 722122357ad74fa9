"""Reports on a whole cache, and checks of it against rules."""
