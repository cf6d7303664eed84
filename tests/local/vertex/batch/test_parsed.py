"""What local jobs write, read by ``parse_predictions``: every row is accounted for."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kfp import dsl
from local.vertex.batch.support import Bucket, run
from local.vertex.batch.test_records import framed
from results.conftest import OUTPUTS, Parsed, read_outputs
from sklearn.base import BaseEstimator
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from batchpredict.components.parse_predictions import parse_predictions
from batchpredict.local.session import LocalVertex
from batchpredict.local.settings import BatchSettings
from batchpredict.local.vertex.jobs import JobService

ROWS: list[dict[str, Any]] = [{"key": f"k{n:03}", "a": n / 8, "b": n % 7} for n in range(150)]
ARRAYS = {"included_fields": ["a", "b"], "instance_type": "array"}
EXPLAINING = {
    "parameters": {"sampled_shapley_attribution": {"path_count": 3}},
    "metadata": {"inputs": {"x": {}}, "outputs": {"y": {}}},
}


@pytest.fixture(scope="module")
def of_lists(upload_sklearn: Callable[..., str]) -> str:
    inputs = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    return upload_sklearn(LinearRegression().fit(inputs, inputs @ [2.0, 20.0]))


@pytest.fixture(scope="module")
def of_objects(upload_sklearn: Callable[..., str]) -> str:
    rows = [{"a": 0.0, "b": 0.0}, {"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}]
    steps: BaseEstimator = make_pipeline(DictVectorizer(), LinearRegression())
    return upload_sklearn(steps.fit(rows, [0.0, 2.0, 20.0]))


@pytest.fixture
def client(gapic: Callable[[str, str], Any]) -> Any:
    return gapic("job", "grpc")


@pytest.fixture(params=[1, 4])
def shards(request: pytest.FixtureRequest, vertex: LocalVertex) -> Iterator[None]:
    service: JobService = vertex.services._services["JobService"]
    before = service.settings
    service.settings = BatchSettings(shards=request.param)
    yield
    service.settings = before


@pytest.fixture
def parse(bucket: Bucket, tmp_path: Path) -> Callable[..., Parsed]:
    """Read the output of a job, together with its input."""

    def parse(job: Any, uri: str, **parameters: Any) -> Parsed:
        parsed = Parsed(bucket.folder(job))
        outputs = {name: kind(uri=str(tmp_path / name)) for name, kind in OUTPUTS.items()}
        parsed.counts = tuple(
            parse_predictions.python_func(
                output_directory=dsl.Artifact(uri=str(parsed.folder)),
                instances=dsl.Dataset(uri=str(bucket.path(uri))),
                **outputs,
                **parameters,
            )
        )
        read_outputs(parsed, outputs)
        return parsed

    return parse


def as_csv(rows: list[dict[str, Any]]) -> str:
    header = ",".join(rows[0])
    lines = [f'"{row["key"]}",{row["a"]},{row["b"]}' for row in rows]
    return "\n".join([header, *lines, ""])


def check(parsed: Parsed, *, matched_by: str) -> None:
    """Every row is there once, with the value that the model predicts for it."""
    assert parsed.counts == (len(ROWS), 0, 0)
    assert parsed.summary["matched_by"] == matched_by
    for name in ("unexpected", "duplicates", "noted"):
        assert not parsed.metrics.get(name)
    wanted = sorted(2 * row["a"] + 20 * row["b"] for row in ROWS)
    assert sorted(row["value"] for row in parsed.rows) == pytest.approx(wanted)
    if matched_by == "key":
        values = parsed.column("value")
        for row in ROWS:
            assert values[row["key"]] == pytest.approx(2 * row["a"] + 20 * row["b"])


@pytest.mark.usefixtures("shards")
@pytest.mark.parametrize("into", ["jsonl", "csv"])
@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("arrays", [True, False])
def test_json_objects(
    client: Any,
    bucket: Bucket,
    parse: Callable[..., Parsed],
    of_lists: str,
    of_objects: str,
    into: str,
    keyed: bool,
    arrays: bool,
) -> None:
    fields = ("key", "a", "b") if keyed else ("a", "b")
    uri = bucket.write("in.jsonl", *[{name: row[name] for name in fields} for row in ROWS])
    config = {**(ARRAYS if arrays else {}), **({"key_field": "key"} if keyed else {})}
    model = of_lists if arrays else of_objects
    job = run(client, bucket, [uri], model=model, into=into, instance_config=config)
    included = ["a", "b"] if arrays and not keyed else []
    found = parse(job, uri, included_fields=included)
    check(found, matched_by="key" if keyed else "instance")


@pytest.mark.usefixtures("shards")
@pytest.mark.parametrize("into", ["jsonl", "csv"])
@pytest.mark.parametrize("keyed", [True, False])
def test_csv_rows(
    client: Any,
    bucket: Bucket,
    parse: Callable[..., Parsed],
    of_lists: str,
    into: str,
    keyed: bool,
) -> None:
    text = as_csv(ROWS)
    if not keyed:
        text = "".join(line.partition(",")[2] + "\n" for line in text.splitlines())
    uri = bucket.write_text("in.csv", text)
    config = {"key_field": "key"} if keyed else {}
    job = run(client, bucket, [uri], model=of_lists, form="csv", into=into, instance_config=config)
    check(parse(job, uri), matched_by="key" if keyed else "instance")


def test_excluded_fields_are_kept_as_extra(
    client: Any, bucket: Bucket, parse: Callable[..., Parsed], of_objects: str
) -> None:
    rows = [{"tag": row["key"], "a": row["a"], "b": row["b"]} for row in ROWS]
    uri = bucket.write("in.jsonl", *rows)
    config = {"excluded_fields": ["tag"]}
    job = run(client, bucket, [uri], model=of_objects, instance_config=config)
    parsed = parse(job, uri, included_fields=["a", "b"])
    assert parsed.counts == (len(ROWS), 0, 0)
    assert sorted(row["extra"] for row in parsed.rows)[0] == '{"tag": "k000"}'


@pytest.mark.parametrize("into", ["jsonl", "csv"])
def test_the_rows_of_a_refused_batch_are_missing(
    client: Any, bucket: Bucket, parse: Callable[..., Parsed], of_lists: str, into: str
) -> None:
    rows = [dict(row) for row in ROWS]
    rows[70]["b"] = [1, 2]  # the model takes no lists in lists: its batch of 64 fails
    uri = bucket.write("in.jsonl", *rows)
    config = {**ARRAYS, "key_field": "key"}
    job = run(client, bucket, [uri], model=of_lists, into=into, instance_config=config)
    assert job.completion_stats.failed_count == 64
    parsed = parse(job, uri, max_missing=64)
    assert parsed.counts == (150 - 64, 0, 64)
    missing = {row["key"] for row in parsed.failures}
    assert missing == {row["key"] for row in rows[64:128]}
    assert sum(it["count"] for it in parsed.summary["error_statistics"]) == 64


def test_explanations(
    client: Any, bucket: Bucket, parse: Callable[..., Parsed], of_lists: str
) -> None:
    uri = bucket.write("in.jsonl", *ROWS)
    job = run(
        client,
        bucket,
        [uri],
        model=of_lists,
        instance_config={**ARRAYS, "key_field": "key"},
        generate_explanation=True,
        explanation_spec=EXPLAINING,
    )
    parsed = parse(job, uri)
    check(parsed, matched_by="key")
    outputs = parsed.column("instance_output")
    assert outputs == pytest.approx(parsed.column("value"))


@pytest.mark.parametrize("form", ["tf-record-gzip", "file-list"])
def test_files(
    client: Any, bucket: Bucket, parse: Callable[..., Parsed], of_objects: str, form: str
) -> None:
    names = [f"f{n}".encode() for n in range(70)]
    uri = bucket.write_bytes("in", gzip.compress(framed(*names)))
    if form == "file-list":
        uris = [bucket.write_bytes(f"files/{name.decode()}", name) for name in names]
        uri = bucket.write_text("in.txt", "\n".join(uris) + "\n")
    job = run(client, bucket, [uri], model=of_objects, form=form)
    echoed = bucket.write("echoed.jsonl", *[row["instance"] for row in bucket.results(job)])
    parsed = parse(job, uri if form == "file-list" else echoed)
    assert parsed.counts == (70, 0, 0)
