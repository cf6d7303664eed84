"""A project of the user's own: made, compiled from its sources, and checked."""
