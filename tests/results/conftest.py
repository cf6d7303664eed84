"""Parse an output that is written as literal text, and read back what the step wrote."""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from kfp import dsl

from batchpredict.components.parse_predictions import parse_predictions

ONE = "prediction.results-00000-of-00001"
OUTPUTS = {
    "predictions": dsl.Dataset,
    "failures": dsl.Dataset,
    "summary": dsl.Artifact,
    "metrics": dsl.Metrics,
    "report": dsl.Markdown,
}


@dataclass
class Parsed:
    """What the step made of an output folder. Null cells are left out of the rows."""

    folder: Path
    counts: tuple[int, ...] | None = None
    error: str = ""
    types: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    report: str = ""

    @property
    def row(self) -> dict[str, Any]:
        """The only row of the predictions."""
        assert not self.error, self.error
        (only,) = self.rows
        return only

    @property
    def failure(self) -> dict[str, Any]:
        """The only row of the failures."""
        (only,) = self.failures
        return only

    @property
    def by_key(self) -> dict[str, dict[str, Any]]:
        """The predictions by key; each key must stand there once."""
        found = {row["key"]: row for row in self.rows}
        assert len(found) == len(self.rows)
        return found

    def column(self, name: str) -> dict[str, Any]:
        """One column of the predictions by key."""
        return {key: row.get(name) for key, row in self.by_key.items()}


@cache
def database() -> duckdb.DuckDBPyConnection:
    """Open one database for all tests: to open one takes longer than to read a table."""
    return duckdb.connect(config={"threads": 1})


def read_table(artifact: Any) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return the types of a Parquet file's columns and its rows without their null cells."""
    table = database().execute("SELECT * FROM read_parquet(?)", [[artifact.path]])
    types = {name: str(kind) for name, kind, *_ in table.description or ()}
    cells = [dict(zip(types, row, strict=True)) for row in table.fetchall()]
    return types, [{k: v for k, v in row.items() if v is not None} for row in cells]


def read_outputs(parsed: Parsed, outputs: dict[str, Any]) -> None:
    """Read every output that the step has written."""
    if Path(outputs["predictions"].path).is_file():
        parsed.types, parsed.rows = read_table(outputs["predictions"])
    if Path(outputs["failures"].path).is_file():
        parsed.failures = read_table(outputs["failures"])[1]
    if Path(outputs["summary"].path).is_file():
        parsed.summary = json.loads(Path(outputs["summary"].path).read_text())
    if Path(outputs["report"].path).is_file():
        parsed.report = Path(outputs["report"].path).read_text()
    parsed.metrics = dict(outputs["metrics"].metadata)


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    """Write files, whose names may lead into sub-folders."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def parse(tmp_path):
    """Parse files given as ``{name: content}``, or the content of the only shard.

    ``instances`` is the content of the input, ``instances_name`` its file name, ``directory`` the
    name of the output folder. A named error is kept in ``error``; any other is a bug and rises.
    """

    def run(
        files,
        *,
        instances=None,
        instances_name="instances.jsonl",
        directory="job",
        **parameters,
    ):
        attempt = tmp_path / f"attempt-{len(list(tmp_path.iterdir()))}"
        parsed = Parsed(attempt / directory)
        parsed.folder.mkdir(parents=True)
        write(parsed.folder, files if isinstance(files, dict) else {ONE: files})
        if instances is not None:
            write(attempt, {instances_name: instances})
            parameters["instances"] = dsl.Dataset(uri=str(attempt / instances_name))
        parameters.setdefault("output_directory", dsl.Artifact(uri=str(parsed.folder)))
        outputs = {name: kind(uri=str(attempt / name)) for name, kind in OUTPUTS.items()}
        try:
            parsed.counts = tuple(parse_predictions.python_func(**outputs, **parameters))
        except (ValueError, RuntimeError) as error:
            if not re.match(r"E2\d\d \S", str(error)):
                raise
            parsed.error = str(error)
        read_outputs(parsed, outputs)
        return parsed

    return run
