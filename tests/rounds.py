"""One round of a batch prediction as ``parse_predictions`` leaves it, made by hand."""

import json
from pathlib import Path
from typing import Any

import duckdb
from kfp import dsl

PREDICTIONS = {
    **dict.fromkeys(("key", "instance", "prediction", "label"), "VARCHAR"),
    **dict.fromkeys(("score", "value"), "DOUBLE"),
}
FAILURES = {"key": "VARCHAR", "instance": "VARCHAR", "code": "VARCHAR", "source": "VARCHAR"}


def write_table(path: Path, rows: list[dict[str, Any]], columns: dict[str, str]) -> dsl.Dataset:
    scratch = path.with_suffix(".jsonl")
    scratch.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with duckdb.connect() as con:
        con.execute(
            f"COPY (FROM read_json('{scratch}', columns = {columns}, "
            f"format = 'newline_delimited')) TO '{path}' (FORMAT parquet)"
        )
    return dsl.Dataset(uri=str(path))


def read_table(path: str, columns: str = "*") -> list[tuple[Any, ...]]:
    with duckdb.connect() as con:
        return con.execute(f"SELECT {columns} FROM read_parquet('{path}')").fetchall()


def write_summary(path: Path, counts: dict[str, int], **fields: Any) -> dsl.Artifact:
    content = {"reconciled": True, "matched_by": "key", "kind": "custom", "counts": counts}
    path.write_text(json.dumps({**content, **fields}))
    return dsl.Artifact(uri=str(path))


def make_counts(predicted: int, failed: int = 0, missing: int = 0) -> dict[str, int]:
    return {
        "input": predicted + failed + missing,
        "predicted": predicted,
        "failed": failed,
        "missing": missing,
        "unexpected": 0,
        "duplicate": 0,
        "unkeyed": 0,
        "noted": 0,
    }


def write_round(
    folder: Path,
    name: str,
    predictions: list[dict[str, Any]],
    failures: list[dict[str, Any]],
    counts: dict[str, int] | None = None,
    columns: dict[str, str] = PREDICTIONS,
    **fields: Any,
) -> dict[str, Any]:
    """Write the three artifacts of a round; counts as if every failure were a failed row."""
    return {
        f"{name}_predictions": write_table(folder / f"{name}-p.parquet", predictions, columns),
        f"{name}_failures": write_table(folder / f"{name}-f.parquet", failures, FAILURES),
        f"{name}_summary": write_summary(
            folder / f"{name}.json",
            counts or make_counts(len(predictions), len(failures)),
            **fields,
        ),
    }
