"""Settings of a project of the user's own: what, where, and from where each value comes."""
