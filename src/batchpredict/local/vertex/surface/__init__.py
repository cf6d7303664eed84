"""What of Vertex AI is emulated, field by field: said once, applied, shown, and tested."""
