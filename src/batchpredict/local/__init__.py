"""Vertex AI on this machine."""

PROJECT = "local-project"
PROJECT_NUMBER = "123456789012"
LOCATION = "us-central1"
