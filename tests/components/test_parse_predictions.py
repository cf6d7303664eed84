import json
import tempfile
import tracemalloc
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kfp import dsl

from batchpredict.components.parse_predictions import parse_predictions

OUTPUTS = {"predictions": dsl.Dataset, "failures": dsl.Dataset, "summary": dsl.Artifact}


class Job:
    """A batch prediction's output in a folder, and what parsing makes of it."""

    def __init__(self, folder):
        self.folder, self.job = Path(folder), Path(folder) / "job"
        self.job.mkdir()
        self.outputs = {n: kind(uri=str(self.folder / n)) for n, kind in OUTPUTS.items()}
        self.outputs["metrics"] = dsl.Metrics(uri=str(self.folder / "metrics"))
        self.outputs["report"] = dsl.Markdown(uri=str(self.folder / "report"))

    def shards(self, *contents):
        for index, content in enumerate(contents):
            name = f"prediction.results-{index:05d}-of-{len(contents):05d}"
            (self.job / name).write_bytes(content)

    def instances(self, *keys):
        path = self.folder / "instances.jsonl"
        path.write_text("".join(json.dumps({"key": key, "x": 1}) + "\n" for key in keys))
        return dsl.Dataset(uri=str(path))

    def parse(self, **parameters):
        directory = dsl.Artifact(uri=str(self.job))
        return parse_predictions.python_func(
            output_directory=directory, **self.outputs, **parameters
        )

    def read(self, name, columns="*"):
        with duckdb.connect() as con:
            path = self.outputs[name].path
            return con.execute(f"SELECT {columns} FROM read_parquet('{path}')").fetchall()

    def summary(self):
        return json.loads(Path(self.outputs["summary"].path).read_text())


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path)


def line(**row):
    return json.dumps(row).encode() + b"\n"


def test_every_row_lands_in_one_table(job):
    job.shards(
        line(key="a", prediction=[0.25, 0.75]) + line(instance={"key": "b"}, prediction="no"),
        b"",
        line(key="c", error={"status": "INTERNAL", "message": "out of memory"}),
    )
    instances = job.instances("a", "b", "c", "d")
    result = job.parse(instances=instances, labels=["no", "yes"], max_failed=0.25, max_missing=1)
    assert result._asdict() == {"predicted": 2, "failed": 1, "missing": 1}
    first = "prediction.results-00000-of-00003"
    columns = "key, prediction, label, score, scores, value, source"
    assert sorted(job.read("predictions", columns)) == [
        ("a", "[0.25, 0.75]", "yes", 0.75, [0.25, 0.75], None, first),
        ("b", '"no"', "no", None, None, None, first),
    ]
    assert sorted(job.read("failures", "key, instance, code, message")) == [
        ("c", '{"key": "c", "x": 1}', "INTERNAL", "out of memory"),
        ("d", '{"key": "d", "x": 1}', "MISSING", "the output has no row of this key"),
    ]
    assert job.outputs["metrics"].metadata == {
        "input": 4,
        "predicted": 2,
        "failed": 1,
        "missing": 1,
        "unexpected": 0,
        "duplicate": 0,
        "unkeyed": 0,
        "noted": 0,
    }
    assert [Path(job.outputs[n].uri).suffix for n in OUTPUTS] == [".parquet", ".parquet", ".json"]
    assert job.outputs["predictions"].metadata == {"rows": 2, "kind": "custom"}


def test_the_summary(job):
    job.shards(line(key="a", prediction=1.5), line(key="b", prediction=2.5))
    (job.job / "prediction.errors_stats-00000-of-00001").write_bytes(b"('504', 16)\n")
    (job.job / "bp_monitoring").mkdir()
    job.parse()
    summary = job.summary()
    assert summary["reconciled"] is False
    assert summary["counts"]["input"] == summary["counts"]["predicted"] == 2
    assert [file["predicted"] for file in summary["files"]] == [1, 1]
    assert summary["files"][0]["bytes"] == len(line(key="a", prediction=1.5))
    assert summary["unknown_files"] == ["bp_monitoring"]
    assert summary["error_statistics"] == [{"message": "504", "count": 16}]
    assert summary["values"] == {"count": 2, "min": 1.5, "mean": 2.0, "max": 2.5}
    assert "duckdb" in summary["versions"]


def test_an_empty_output_of_an_empty_input(job):
    job.shards(b"")
    assert tuple(job.parse(instances=job.instances())) == (0, 0, 0)
    assert job.read("predictions") == job.read("failures") == []


def test_an_own_key_field(job):
    path = job.folder / "instances.jsonl"
    path.write_bytes(b'{"id": 1}\n{"id": 2}\n')
    job.shards(line(instance={"id": 2}, prediction=1) + line(key="1", prediction=1))
    found = job.parse(instances=dsl.Dataset(uri=str(path)), key_field="id")
    assert tuple(found) == (2, 0, 0)


def test_floats_survive_exactly(job):
    values = [0.1, 5e-324, 1.7976931348623157e308, 1 / 3, -0.0, 2.0451931953430176]
    job.shards(b"".join(line(key=str(i), prediction=v) for i, v in enumerate(values)))
    job.parse()
    rows = dict(job.read("predictions", "key, (value, prediction)"))
    for i, value in enumerate(values):
        found, raw = rows[str(i)].values() if isinstance(rows[str(i)], dict) else rows[str(i)]
        assert repr(found) == repr(value) == repr(json.loads(raw))


@pytest.mark.parametrize(
    ("last", "counts"),
    [
        (b'{"key": "b", "prediction": 1}', (2, 0, 0)),
        (b'{"key": "b", "predict', (1, 1, 0)),
        (b'{"key', (1, 1, 0)),
    ],
)
def test_a_last_line_without_a_newline(job, last, counts):
    job.shards(line(key="a", prediction=1) + last)
    assert tuple(job.parse(instances=job.instances("a", "b"), max_failed=1)) == counts


def test_e221_incomplete_output(job):
    job.shards(b"", b"")
    next(job.job.iterdir()).unlink()
    with pytest.raises(ValueError, match=r"^E221 "):
        job.parse()


def test_e222_is_a_failure_and_e223_stops_the_step(job):
    job.shards(line(key="a", prediction=1) + b'{"key": "b", "prediction": NaN}\n')
    with pytest.raises(ValueError, match=r"^E223 1 of 2 rows failed, max_failed allows 0"):
        job.parse()
    assert job.read("failures", "key, code") == [("b", "E222")]
    assert job.summary()["counts"]["failed"] == 1


def test_e223_missing_rows_are_written_before_the_step_stops(job):
    job.shards(b"")
    with pytest.raises(ValueError, match=r"^E223 2 of 2 rows missing, max_missing allows 1;"):
        job.parse(instances=job.instances("a", "b"), max_missing=0.5)
    assert sorted(job.read("failures", "key, code")) == [("a", "MISSING"), ("b", "MISSING")]
    assert job.summary()["counts"]["missing"] == 2


@pytest.mark.parametrize("keys", ["abx", "aab"])
def test_e224_unexpected_and_duplicate_rows(job, keys):
    job.shards(b"".join(line(key=key, prediction=1) for key in keys))
    with pytest.raises(ValueError, match=r"^E224 "):
        job.parse(instances=job.instances("a", "b"), max_missing=9, max_failed=9)
    assert len(job.read("predictions")) == 3


def test_e207_threshold_below_zero(job):
    with pytest.raises(ValueError, match=r"^E207 max_failed is -1"):
        job.parse(max_failed=-1)


def test_e201_no_instances(job):
    job.shards(b"")
    with pytest.raises(ValueError, match=r"^E201 "):
        job.parse(instances=dsl.Dataset(uri=str(job.folder / "none")))


keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.integers(-9, 99)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=5,
)
BROKEN = (
    "cut",
    "half",
    b'{"key": %s, "prediction": NaN}\n',
    b'{"prediction": 1, "prediction": 1, "key": %s}\n',
    b'{"prediction": "\\udfff", "key": %s}\n',
    b'{"prediction": ' + b"[" * 3000 + b"\n",
    b"\xff\xfe\n",
)


def damage(how, key, raw):
    if how == "cut":
        return raw.rstrip()[:-1] + b"\n"
    if how == "half":
        return raw[: len(raw) // 2] + b"\n"
    return how.replace(b"%s", json.dumps(key).encode())


def text_of(key):
    return key if isinstance(key, str) else str(key)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_nothing_is_lost(data):
    inputs = data.draw(st.lists(keys, max_size=25))
    shards = [[] for _ in range(data.draw(st.integers(1, 4)))]
    truth, good, broken = Counter(), [], 0
    for key in data.draw(st.permutations(inputs)):
        fate = data.draw(st.sampled_from(["good", "good", "good", "error", "broken", "missing"]))
        truth[fate] += 1
        named = data.draw(st.sampled_from([{"key": text_of(key)}, {"instance": {"key": key}}]))
        value = data.draw(values)
        raw = json.dumps(
            {**named, "prediction": value}, ensure_ascii=data.draw(st.booleans())
        ).encode() + data.draw(st.sampled_from([b"\n", b"\r\n", b"\n\n \n"]))
        if fate == "good":
            good.append((text_of(key), value))
        elif fate == "error":
            raw = line(**named, error={"status": "INTERNAL", "message": "m"})
        elif fate == "broken":
            raw = damage(data.draw(st.sampled_from(BROKEN)), text_of(key), raw)
            broken += 1
        if fate != "missing":
            shards[data.draw(st.integers(0, len(shards) - 1))].append(raw)
    contents = [data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + b"".join(s) for s in shards]
    with tempfile.TemporaryDirectory() as folder:
        job = Job(folder)
        job.shards(*contents)
        result = job.parse(instances=job.instances(*inputs), max_failed=1e9, max_missing=1e9)
        found = job.read("predictions", "key, prediction")
        failures = job.read("failures", "key, code")
    assert sum(result) == len(inputs)
    assert result.predicted == truth["good"]
    assert result.failed == truth["error"] + broken
    assert result.missing == truth["missing"]
    canonical = [(key, json.dumps(json.loads(raw), sort_keys=True)) for key, raw in found]
    wanted = [(key, json.dumps(value, sort_keys=True)) for key, value in good]
    assert Counter(canonical) == Counter(wanted)
    assert Counter(key for key, _ in failures if key is not None) == Counter(
        map(text_of, inputs)
    ) - Counter(key for key, _ in good)
    unreadable = sum(key is None for key, _ in failures)
    assert len(failures) == len(inputs) - len(good) + unreadable


def test_memory_does_not_grow_with_the_rows(job):
    def peak(rows):
        job.shards(b"".join(line(key=str(i), prediction=[0.25, 0.75]) for i in range(rows)))
        job.outputs = {n: kind(uri=f"{job.folder}/{n}{rows}") for n, kind in OUTPUTS.items()}
        job.outputs["metrics"] = dsl.Metrics(uri="m")
        job.outputs["report"] = dsl.Markdown(uri=f"{job.folder}/report{rows}")
        tracemalloc.start()
        job.parse(labels=["a", "b"])
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(100)
    assert peak(200_000) < peak(50_000) + 100_000


def test_the_job_names_the_folder(job):
    job.shards(line(key="a", prediction=1.5))
    artifact = dsl.Artifact(uri="", metadata={"gcsOutputDirectory": str(job.job)})
    result = parse_predictions.python_func(batchpredictionjob=artifact, **job.outputs)
    assert tuple(result) == (1, 0, 0)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "give output_directory, or batchpredictionjob"),
        ({"bigqueryOutputTable": "predictions_1"}, "table predictions_1 is for fetch_bigquery"),
    ],
)
def test_e221_a_job_without_a_folder(job, metadata, said):
    artifact = dsl.Artifact(uri="", metadata=metadata)
    with pytest.raises(ValueError, match=rf"^E221 .*{said}"):
        parse_predictions.python_func(batchpredictionjob=artifact, **job.outputs)


def test_a_csv_line_that_is_no_row_costs_one_row(job):
    (job.job / "predictions_1.csv").write_bytes(b"key,x,predicted_t\nk,a\rb,1\nz,q,2\n")
    with pytest.raises(ValueError, match=r"^E223 1 of 2 rows failed"):
        job.parse()


def test_e202_a_csv_header_that_cannot_be_read(job):
    (job.job / "predictions_1.csv").write_bytes(b"key,\xff,predicted_t\nk,a,1\n")
    with pytest.raises(
        ValueError, match=r"^E202 .*predictions_1.csv is not readable as CSV in UTF-8: its header"
    ):
        job.parse()
