"""Options that commands share, and what they are read into."""
