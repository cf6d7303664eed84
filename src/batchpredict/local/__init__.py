"""Vertex AI on this machine."""

PROJECT = "local-project"
LOCATION = "us-central1"
