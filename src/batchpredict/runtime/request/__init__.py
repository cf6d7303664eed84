"""A batch prediction request: its fields, the rules they follow, and its JSON."""
