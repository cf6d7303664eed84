"""The home folder: what lies in it, who uses it, who serves it, and how it is emptied."""
