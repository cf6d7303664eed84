"""Walk a compiled pipeline as Vertex AI Pipelines does."""
