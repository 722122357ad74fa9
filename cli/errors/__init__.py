"""How an error is told: its line and hint, or its JSON."""
