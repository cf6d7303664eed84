"""Custom jobs and training pipelines: commands and packages that train, as processes here."""
