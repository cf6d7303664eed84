"""The resources of Vertex AI: models, endpoints, jobs, predictions, pipeline jobs."""
