"""BigQuery's REST API on this machine, over DuckDB."""
