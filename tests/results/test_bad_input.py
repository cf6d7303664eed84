"""What is broken ends in a named error or in a counted row."""

import gzip
import shutil
import subprocess
import sys
import textwrap

import pytest
from kfp import dsl

ONE = "prediction.results-00000-of-00001"
DEPTH = 100_000


def line(key, prediction):
    return f'{{"key": "{key}", "prediction": {prediction}}}\n'


def shard(index, count, kind="prediction.results"):
    return f"{kind}-{index:05d}-of-{count:05d}"


@pytest.mark.parametrize("kind", ["prediction.results", "explanation.results"])
@pytest.mark.parametrize("there", [[0], [1], [2], [0, 1], [0, 2], [1, 2]])
def test_a_shard_is_missing(parse, there, kind):
    parsed = parse({shard(i, 3, kind): line(f"k{i}", i) for i in there})
    assert parsed.error.startswith("E221 ")
    assert str(parsed.folder) in parsed.error
    assert parsed.rows == []


def test_a_shard_of_csv_is_missing(parse):
    files = {f"prediction.results-{i:05d}-of-00003.csv": "a,predicted_y\n1,2\n" for i in (0, 2)}
    assert parse(files).error.startswith("E221 ")


@pytest.mark.parametrize(
    "names",
    [
        [shard(0, 1), shard(0, 2), shard(1, 2)],
        [shard(0, 2), shard(1, 2), shard(0, 3), shard(1, 3), shard(2, 3)],
        [shard(0, 2), shard(1, 3)],
        [shard(0, 1), shard(0, 1) + ".jsonl"],
        [shard(0, 1), "prediction.results-000000-of-000001"],
        [shard(3, 3), shard(0, 3), shard(1, 3)],
        [shard(0, 0)],
        ["prediction.results-00000-of-99999999999999999999"],
    ],
)
def test_two_runs_share_the_folder(parse, names):
    parsed = parse({name: line(f"k{i}", i) for i, name in enumerate(names)})
    assert parsed.error.startswith("E221 ")
    assert parsed.rows == []


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"prediction.errors_stats-00000-of-00001": ""},
        {"README": "nothing"},
        {"job-1/bp_monitoring/x": "nothing"},
        {f"other/{ONE}": line("a", 1)},
        {"model.joblib": b"\x80\x04", "instances.jsonl": line("a", 1)},
        {f"{ONE}.gz": gzip.compress(line("a", 1).encode(), mtime=0)},
        {"predictions_00001.jsonl.gz": gzip.compress(line("a", 1).encode(), mtime=0)},
        {ONE: gzip.compress(line("a", 1).encode(), mtime=0)},
        {"predictions_1.csv": gzip.compress(b"a,predicted_y\n1,2\n", mtime=0)},
    ],
)
def test_a_folder_that_is_no_output_of_a_job(parse, files):
    parsed = parse(files)
    assert parsed.error.startswith("E221 ")
    assert parsed.rows == []


def test_a_folder_that_is_not_there(parse, tmp_path):
    absent = dsl.Artifact(uri=str(tmp_path / "absent"))
    assert parse({}, output_directory=absent).error.startswith("E221 ")


def test_a_file_in_place_of_the_folder(parse, tmp_path):
    (tmp_path / "file").write_text(line("a", 1))
    file = dsl.Artifact(uri=str(tmp_path / "file"))
    assert parse({}, output_directory=file).error.startswith("E221 ")


@pytest.mark.parametrize(
    ("output", "asked"),
    [
        (line("x", 1) + line("y", 2), '{"key": "a"}\n{"key": "b"}\n'),
        (
            '{"instance": {"v": 8}, "prediction": 1}\n{"instance": {"v": 9}, "prediction": 1}\n',
            '{"v": 1}\n{"v": 2}\n',
        ),
    ],
)
def test_a_folder_of_another_job(parse, output, asked):
    parsed = parse(output, instances=asked, max_missing=2)
    assert parsed.error.startswith("E224 ")
    assert len(parsed.rows) == 2
    assert [row["code"] for row in parsed.failures] == ["MISSING", "MISSING"]
    assert parsed.summary["counts"]["unexpected"] == 2


@pytest.mark.parametrize("cut", [2, 12, 30])
def test_the_last_line_is_cut(parse, cut):
    good, last = line("a", 1), line("b", "[0.25, 0.75]")[:cut]
    parsed = parse(good + last)
    assert parsed.error.startswith("E223 1 of 2 ")
    assert [row["key"] for row in parsed.rows] == ["a"]
    assert parsed.failure["code"] == "E222"
    assert parsed.failure["raw"] == last
    asked = '{"key": "a"}\n{"key": "b"}\n'
    assert parse(good + last, instances=asked, max_failed=1).counts == (1, 1, 0)


BROKEN = {
    "cut in the middle": b'{"key": "odd", "prediction": [0.25, 0.7',
    "a NUL byte in a text": b'{"key": "odd", "prediction": "x\x00y"}',
    "a NUL byte in the key": b'{"key": "o\x00d", "prediction": 1}',
    "NUL bytes alone": b"\x00" * 64,
    "a NUL byte before": b'\x00{"key": "odd", "prediction": 1}',
    "a NUL byte after": b'{"key": "odd", "prediction": 1}\x00',
    "a control character": b'{"key": "odd", "prediction": "x\x01y"}',
    "a raw tab": b'{"key": "odd", "prediction": "x\ty"}',
    "a raw carriage return": b'{"key": "odd", "prediction": "x\ry"}',
    "invalid UTF-8": b'{"key": "odd", "prediction": "x\xffy"}',
    "overlong UTF-8": b'{"key": "odd", "prediction": "x\xc0\xafy"}',
    "a surrogate in UTF-8": b'{"key": "odd", "prediction": "x\xed\xa0\x80y"}',
    "UTF-16": '{"key": "odd", "prediction": 1}'.encode("utf-16-be"),
    "invalid UTF-8 in the instance": b'{"instance": {"key": "odd\xff"}, "prediction": 1}',
    "a list": b"[1, 2]",
    "a text": b'"prediction"',
    "a number": b"17",
    "null": b"null",
    "nothing but a brace": b"{",
    "an empty object": b"{}",
    "two objects": b'{"key": "odd", "prediction": 1}{"key": "x", "prediction": 2}',
    "two objects and a comma": b'{"key": "odd", "prediction": 1},',
    "python": b"{'key': 'odd', 'prediction': 1}",
    "python's None": b'{"key": "odd", "prediction": None}',
    "a trailing comma": b'{"key": "odd", "prediction": 1,}',
    "a trailing comma in a list": b'{"key": "odd", "prediction": [1,]}',
    "a comment": b'{"key": "odd", "prediction": 1} // note',
    "a byte-order mark": b'\xef\xbb\xbf{"key": "odd", "prediction": 1}',
    "a plus sign": b'{"key": "odd", "prediction": +1}',
    "no digit before the point": b'{"key": "odd", "prediction": .5}',
    "no digit after the point": b'{"key": "odd", "prediction": 5.}',
    "hexadecimal": b'{"key": "odd", "prediction": 0x10}',
    "a bad escape": b'{"key": "odd", "prediction": "\\x"}',
    "a cut escape": b'{"key": "odd", "prediction": "\\u12"}',
    "no prediction": b'{"key": "odd", "predictoin": 1}',
}


RISKY = [
    "cut in the middle",
    "NUL bytes alone",
    "a raw carriage return",
    "invalid UTF-8",
    "UTF-16",
]


@pytest.mark.parametrize("name", RISKY)
def test_one_broken_line_costs_one_row(parse, name):
    text = line("a", 1).encode() + BROKEN[name] + b"\n" + line("b", 2).encode()
    parsed = parse(text, max_failed=1)
    assert parsed.counts == (2, 1, 0)
    assert parsed.column("value") == {"a": 1.0, "b": 2.0}
    failure = parsed.failure
    assert failure["code"] == "E222"
    assert failure["message"]
    assert failure["source"] == ONE


def test_every_kind_of_broken_line_at_once(parse):
    good = [line(f"k{i}", i).encode() for i in range(len(BROKEN))]
    text = b"".join(g + odd + b"\n" for g, odd in zip(good, BROKEN.values(), strict=True))
    parsed = parse(text, max_failed=len(BROKEN))
    assert parsed.counts == (len(BROKEN), len(BROKEN), 0)
    assert parsed.column("value") == {f"k{i}": float(i) for i in range(len(BROKEN))}
    assert [row for row in parsed.failures if row["code"] != "E222" or not row["message"]] == []


def test_a_broken_row_stands_for_the_row_that_no_other_answers(parse):
    asked = '{"key": "a"}\n{"key": "b"}\n{"key": "c"}\n'
    parsed = parse(line("a", 1) + "broken\n", instances=asked, max_failed=1, max_missing=1)
    assert parsed.counts == (1, 1, 1)
    assert parsed.summary["counts"]["unkeyed"] == 1


@pytest.mark.parametrize("key", ['"007"', "1.10", "9007199254740993", '"\\u00e9"'])
@pytest.mark.parametrize("form", ['"key": {}', '"instance": {{"key": {}, "x": [1]}}'])
def test_a_broken_row_still_shows_its_key(parse, key, form):
    row = "{" + form.format(key) + ', "prediction": NaN}\n'
    asked = f'{{"key": {key}}}\n{{"key": "other"}}\n'
    parsed = parse(line("other", 1) + row, instances=asked, max_failed=1)
    assert parsed.counts == (1, 1, 0)
    assert parsed.failure["key"] == key.strip('"').replace("\\u00e9", "é")
    assert parsed.summary["counts"]["unkeyed"] == 0


def nested(opening, closing):
    return opening * DEPTH + "1" + closing * DEPTH


@pytest.mark.parametrize(
    "odd",
    [
        line("odd", nested("[", "]")),
        line("odd", nested('{"a":', "}")),
        nested("[", "]") + "\n",
        nested('{"a":', "}") + "\n",
        '{"key": "odd", "prediction": ' + "[" * DEPTH + "\n",
        f'{{"key": "odd", "prediction": 1, "x": {nested("[", "]")}}}\n',
    ],
    ids=["list", "object", "top list", "top object", "open", "extra"],
)
def test_nesting_of_100_000(parse, odd):
    parsed = parse(line("a", 1) + odd + line("b", 2), max_failed=1)
    assert parsed.column("value") == {"a": 1.0, "b": 2.0}
    assert parsed.failure["code"] == "E222"
    assert len(parsed.failure["raw"]) <= 2000
    assert len(parsed.failure["message"]) <= 2000


def test_nesting_of_100_000_in_an_instance_is_a_counted_row(parse):
    instance = f'{{"key": "odd", "x": {nested("[", "]")}}}'
    odd = f'{{"instance": {instance}, "prediction": 1}}\n'
    parsed = parse(line("a", 1) + odd + line("b", 2), max_failed=1)
    assert sum(parsed.counts) == 3
    assert (parsed.by_key["a"]["value"], parsed.by_key["b"]["value"]) == (1.0, 2.0)
    if parsed.failures:
        assert parsed.failure["code"] == "E222"
    else:
        assert parsed.by_key["odd"]["instance"] == instance


def test_modest_nesting_is_fine(parse):
    text = "[" * 60 + "1.10" + "]" * 60
    row = parse(f'{{"instance": {text}, "prediction": {text}}}\n').row
    assert row["instance"] == row["prediction"] == text


def test_a_last_line_that_duckdb_leaves_out_is_not_lost(parse):
    """DuckDB 2.0.0 reads no long last line that crosses its buffers, and says nothing."""
    short = "".join(f'{{"instance": "a", "prediction": {n}}}\n' for n in range(100))
    sizes = [*[10**6] * 20, 12 * 10**6]
    long = "".join(f'{{"instance": "{"m" * size}", "prediction": 0.5}}\n' for size in sizes)
    parsed = parse(short + long)
    assert parsed.counts == (len(sizes) + 100, 0, 0)
    assert max(len(row["instance"]) for row in parsed.rows) == 12 * 10**6 + 2


CHILD = textwrap.dedent("""
    import resource, sys
    from kfp import dsl
    from batchpredict.components.parse_predictions import parse_predictions
    folder = sys.argv[1]
    kinds = {"predictions": dsl.Dataset, "failures": dsl.Dataset, "summary": dsl.Artifact,
             "metrics": dsl.Metrics, "report": dsl.Markdown}
    outputs = {n: k(uri=f"{folder}/{n}") for n, k in kinds.items()}
    job = dsl.Artifact(uri=f"{folder}/job")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = parse_predictions.python_func(output_directory=job, max_failed=1, **outputs)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(*done, (after - before) // 1024)
""")


@pytest.mark.parametrize(
    ("megabytes", "filler", "counts"),
    [(60, b"m", (3, 0, 0)), (512, b"m", (2, 1, 0)), (512, b"", (2, 1, 0))],
    ids=["60 MiB", "512 MiB", "512 MiB of NUL"],
)
def test_a_long_line_is_read_or_refused_in_bounded_memory(tmp_path, megabytes, filler, counts):
    (tmp_path / "job").mkdir()
    path = tmp_path / "job" / ONE
    with open(path, "wb") as file:
        file.write(line("a", 1).encode() + b'{"key": "odd", "prediction": "')
        end = file.tell() + megabytes * 2**20
        for _ in range(megabytes):
            file.write(filler * 2**20)
        file.seek(end)
        file.write(b'"}\n' + line("b", 2).encode())
    try:
        command = [sys.executable, "-c", CHILD, str(tmp_path)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    finally:
        shutil.rmtree(tmp_path)
    assert run.returncode == 0, run.stderr[-2000:]
    *found, grown = map(int, run.stdout.split()[-4:])
    assert tuple(found) == counts
    assert grown < 700
