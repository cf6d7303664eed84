"""The compiled YAML of every pipeline and component, reviewed like code and shipped in the wheel."""
