"""Batch prediction: from a job's input to its output files."""
