"""The compiled YAML of pipelines and components, reviewed like code, shipped in the wheel."""
