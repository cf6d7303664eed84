"""Batch prediction pipelines for Vertex AI that run unchanged on one machine."""

__version__ = "0.1.0"
