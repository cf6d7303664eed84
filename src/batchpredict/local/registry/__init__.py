"""Artifact Registry on this machine: repositories of the format KFP."""
