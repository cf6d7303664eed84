"""GoogleSQL as DuckDB's SQL: a tested list, and everything else refused by name."""
