"""Running the component over a job, and reading back what it wrote."""

import json
from pathlib import Path
from typing import Any

import duckdb
from kfp import dsl

from batchpredict.components.parse_predictions import parse_predictions
from truth.jobs import Job

KINDS = {
    "predictions": dsl.Dataset,
    "failures": dsl.Dataset,
    "summary": dsl.Artifact,
    "metrics": dsl.Metrics,
    "report": dsl.Markdown,
}
ALL = 10.0**9


class Parsed:
    """What the component makes of a job, once it ``run``s."""

    def __init__(self, job: Job, folder: Path, **parameters: Any) -> None:
        self.outputs = {name: kind(uri=str(folder / name)) for name, kind in KINDS.items()}
        self.result: tuple[int, ...] = ()
        given = {"max_failed": ALL, "max_missing": ALL, **job.layout.parameters(), **parameters}
        self.inputs = {"output_directory": dsl.Artifact(uri=str(job.directory)), **given}
        if job.layout.reconciled:
            self.inputs["instances"] = dsl.Dataset(uri=str(job.instances))

    def run(self) -> "Parsed":
        """Run the component; a step that fails has written its outputs all the same."""
        self.result = parse_predictions.python_func(**self.outputs, **self.inputs)
        return self

    def path(self, name: str) -> Path:
        return Path(self.outputs[name].path)

    def summary(self) -> dict[str, Any]:
        return dict(json.loads(self.path("summary").read_text(encoding="utf-8")))

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a table, a dictionary each."""
        with duckdb.connect() as con:
            result = con.execute("FROM read_parquet(?)", [str(self.path(name))])
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def columns(self, name: str) -> list[tuple[str, str]]:
        """Return name and SQL type of the columns of a table, in order."""
        with duckdb.connect() as con:
            found = con.execute("DESCRIBE FROM read_parquet(?)", [str(self.path(name))]).fetchall()
        return [(row[0], row[1]) for row in found]

    def noted(self) -> int:
        """Return how many rows of the predictions have a note."""
        with duckdb.connect() as con:
            query = "SELECT count(note) FROM read_parquet(?)"
            row = con.execute(query, [str(self.path("predictions"))]).fetchone()
        return int(row[0]) if row else 0
