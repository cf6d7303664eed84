"""Publications to a folder: idempotent, and a reader never sees half of one."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kfp import dsl

from batchpredict.components.publish_predictions import publish_predictions
from batchpredict.runtime import publishing

COLUMNS = ["key VARCHAR", "label VARCHAR", "scores DOUBLE[]", "box STRUCT(x DOUBLE)[]"]


def write_predictions(path, rows, columns=COLUMNS):
    """Write predictions of (key, label)."""
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE t ({', '.join(columns)})")
        if rows:
            rest = ([0.5, 0.25], [{"x": 1.5}])[: len(columns) - 2]
            marks = ", ".join("?" for _ in columns)
            con.executemany(f"INSERT INTO t VALUES ({marks})", [(*row, *rest) for row in rows])
        con.execute(f"COPY t TO '{path}' (FORMAT parquet)")


def publish(folder, rows, run_key, columns=COLUMNS, **options):
    """Publish rows of (key, label) and return what the step returned."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "predictions.parquet"
        write_predictions(path, rows, columns)
        return publish_predictions.python_func(
            predictions=dsl.Dataset(uri=str(path)),
            destination=str(folder),
            run_key=run_key,
            **options,
        )


READER = """
SET VARIABLE files = (SELECT ['FOLDER/' || file FOR file IN files]
                      FROM read_json('FOLDER/_manifest.json'));
FROM read_parquet(getvariable('files'));
"""


def published(folder, columns="key, label"):
    """Read as the documentation tells a person to."""
    if not (Path(folder) / "_manifest.json").exists():
        return []
    manifest = json.loads((Path(folder) / "_manifest.json").read_text())
    with duckdb.connect() as con:
        con.execute(READER.replace("FOLDER", str(folder)).rpartition("FROM read_parquet")[0])
        query = f"SELECT {columns} FROM read_parquet(getvariable('files')) ORDER BY ALL"
        rows = con.execute(query).fetchall()
    assert manifest["rows"] == len(rows)
    return rows


def test_the_readers_of_the_documentation(tmp_path):
    publish(tmp_path, [("a", "x"), ("b", "y")], "run 1")
    publish(tmp_path, [("a", "z")], "run 2")
    for text in (publishing.__doc__, publish_predictions.python_func.__doc__):
        assert "".join(READER.split()).rstrip(";") in "".join(text.split())
    with duckdb.connect() as con:
        rows = con.execute(READER.replace("FOLDER", str(tmp_path))).fetchall()
    assert sorted(rows) == [
        ("a", "x", [0.5, 0.25], [{"x": 1.5}], "run 1"),
        ("a", "z", [0.5, 0.25], [{"x": 1.5}], "run 2"),
        ("b", "y", [0.5, 0.25], [{"x": 1.5}], "run 1"),
    ]
    files = json.loads((tmp_path / "_manifest.json").read_text())["files"]
    # As the loop for pandas does, whose engine for Parquet is not installed here.
    found = [duckdb.read_parquet(f"{tmp_path}/{file}").fetchall() for file in files]
    assert sorted(row for part in found for row in part) == sorted(rows)


KEYED = st.dictionaries(st.sampled_from("abcde"), st.sampled_from("xyz"), max_size=4)
RUNS = st.tuples(
    st.sampled_from(["append", "overwrite_partition", "merge"]),
    st.sampled_from(["2026-01-30", "2026-01-31", "weekly"]),
    KEYED,
)


@settings(deadline=None, max_examples=12)
@given(st.lists(st.tuples(RUNS, st.integers(0, 2)), min_size=1, max_size=5))
def test_the_state_is_that_of_a_plain_list(runs):
    state = []
    with tempfile.TemporaryDirectory() as folder:
        done = []
        for number, ((mode, value, rows), repeated) in enumerate(runs):
            # One destination keeps one type of partition: a DATE, or a text.
            value = (
                "weekly" if runs[0][0][1] == "weekly" else value.replace("weekly", "2026-02-01")
            )
            options = {"mode": mode, "partition_column": "day", "partition_value": value}
            done.append((list(rows.items()), f"run {number}", options))
            if mode == "overwrite_partition":
                state = [row for row in state if row[2] != value]
            if mode == "merge":
                state = [row for row in state if row[0] not in rows]
            state += [(key, label, value, f"run {number}") for key, label in rows.items()]
            for given_rows, run_key, given_options in (done[-1], *done[:repeated]):
                returned = publish(folder, given_rows[::-1], run_key, **given_options)
                assert returned.rows == len(given_rows)
                assert published(folder, "key, label, day::VARCHAR, run_key") == sorted(state)
        manifest = json.loads((Path(folder) / "_manifest.json").read_text())
        assert [run["run_key"] for run in manifest["runs"]] == [run for _, run, _ in done]
        on_disk = {f"data/{name}" for name in os.listdir(Path(folder) / "data")}
        assert on_disk == {*manifest["files"], *manifest["superseded"]}


def test_the_same_run_again_changes_nothing_at_all(tmp_path):
    rows = [(str(n), "x") for n in range(50)]
    assert publish(tmp_path, rows, "r").changed
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = publish(tmp_path, rows[::-1], "r")
    assert (again.rows, again.changed) == (50, False)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert not list(tmp_path.glob("_manifest.json.*"))


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        ([("a", "y")], {}),
        ([("a", "x"), ("a", "x")], {}),
        ([], {}),
        ([("a", "x")], {"mode": "merge"}),
    ],
)
def test_another_run_may_not_have_the_same_key(tmp_path, rows, options):
    publish(tmp_path, [("a", "x")], "r")
    with pytest.raises(ValueError, match=r"^E267 the run 'r' is published already"):
        publish(tmp_path, rows, "r", **options)
    assert published(tmp_path) == [("a", "x")]


def test_a_single_other_row_is_noticed(tmp_path):
    rows = [("a", "x"), ("b", "y"), ("c", "z")]
    publish(tmp_path, rows, "r")
    for number in range(9):
        with pytest.raises(ValueError, match=r"^E267 "):
            publish(tmp_path, [*rows[1:], (rows[0][0], str(number))], "r")
        rows = [*rows[1:], rows[0]]


def test_an_old_run_published_again_does_not_undo_a_newer_one(tmp_path):
    options = {
        "mode": "overwrite_partition",
        "partition_column": "day",
        "partition_value": "2026-01-31",
    }
    publish(tmp_path, [("a", "old")], "1", **options)
    publish(tmp_path, [("a", "new")], "2", **options)
    assert not publish(tmp_path, [("a", "old")], "1", **options).changed
    assert published(tmp_path) == [("a", "new")]


def test_no_rows_are_a_publication(tmp_path):
    assert tuple(publish(tmp_path, [], "1")) == (0, True)
    assert published(tmp_path) == []
    assert tuple(publish(tmp_path, [("a", "x")], "2")) == (1, True)
    assert published(tmp_path) == [("a", "x")]
    with pytest.raises(ValueError, match=r"^E265 "):
        publish(tmp_path, [("a", "x")], "3", COLUMNS[:3])


def test_a_partition_that_is_a_column_of_the_predictions(tmp_path):
    options = {"partition_column": "label", "partition_value": "x", "mode": "overwrite_partition"}
    publish(tmp_path, [("a", "x"), ("b", "y")], "1")
    publish(tmp_path, [("c", "x")], "2", **options)
    assert published(tmp_path) == [("b", "y"), ("c", "x")]
    with pytest.raises(ValueError, match=r"^E264 1 rows .* another 'label' than 'x'"):
        publish(tmp_path, [("c", "x"), ("d", "y")], "3", **options)
    with pytest.raises(ValueError, match=r"^E264 1 rows "):
        publish(tmp_path, [("c", "x"), ("d", None)], "3", **options)
    with pytest.raises(ValueError, match=r"^E264 .* did you mean 'label'"):
        publish(tmp_path, [("c", "x")], "3", **{**options, "partition_column": "Label"})
    assert published(tmp_path) == [("b", "y"), ("c", "x")]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("2026-01-31", "DATE"),
        ("2026-02-31", "VARCHAR"),
        ("20260131", "VARCHAR"),
        ("x'", "VARCHAR"),
    ],
)
def test_a_partition_that_is_written_as_a_date_is_one(tmp_path, value, kind):
    publish(tmp_path, [("a", "x")], "1", partition_column="day", partition_value=value)
    assert published(tmp_path, "day::VARCHAR, typeof(day)") == [(value, kind)]


def test_a_merge_replaces_every_row_of_its_keys_and_keeps_those_without(tmp_path):
    publish(tmp_path, [("a", "1"), ("a", "2"), ("b", "3"), (None, "4")], "1")
    publish(tmp_path, [("a", "5"), ("c", "6")], "2", mode="merge")
    assert published(tmp_path) == [("a", "5"), ("b", "3"), ("c", "6"), (None, "4")]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([("a", "x"), ("a", "y")], {}, "2 rows have the key 'a'"),
        ([("a", "x"), (None, "y")], {}, "1 rows have no key"),
        ([("a", "x")], {"key_column": "kye"}, "did you mean 'key'"),
    ],
)
def test_a_merge_needs_keys(tmp_path, rows, options, message):
    with pytest.raises(ValueError, match=rf"^E266 .*{message}"):
        publish(tmp_path, rows, "1", mode="merge", **options)
    assert published(tmp_path) == []


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        (COLUMNS[:3], {}, "'box' is missing"),
        (["key VARCHAR", "name VARCHAR", *COLUMNS[2:]], {}, "'label' is missing; 'name' is new"),
        (["key VARCHAR", "label BIGINT", *COLUMNS[2:]], {}, "'label' is BIGINT, not VARCHAR"),
        (COLUMNS, {"partition_column": "day", "partition_value": "1"}, "'day' is new"),
    ],
)
def test_other_columns_than_are_published(tmp_path, columns, options, words):
    publish(tmp_path, [("a", "1")], "1")
    with pytest.raises(ValueError, match=rf"^E265 .*{words}"):
        publish(tmp_path, [("a", "1")], "2", columns, **options)
    assert published(tmp_path) == [("a", "1")]


def test_the_order_of_the_columns_does_not_matter(tmp_path):
    publish(tmp_path, [("a", "1")], "1", COLUMNS[:2])
    publish(tmp_path, [("2", "b")], "2", COLUMNS[1::-1])
    assert published(tmp_path) == [("a", "1"), ("b", "2")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "replace"}, "E207 mode is 'replace'"),
        ({"run_key": " "}, "E263 run_key is empty"),
        ({"run_key": "x" * 501}, "E263 run_key is empty or longer"),
        ({"mode": "overwrite_partition"}, "E263 .*without a partition"),
        ({"partition_column": "day"}, "E263 .*need each other"),
        ({"partition_value": "day"}, "E263 .*need each other"),
        ({"partition_column": "Run_Key", "partition_value": "1"}, "E263 run_key is no partition"),
        ({"destination": " "}, "E263 the destination ' '"),
        ({"destination": "published/scores"}, "E263 the destination .*an absolute path"),
        ({"destination": "./out"}, "E263 the destination"),
        ({"destination": "GS://bucket/folder"}, "E263 the destination"),
        ({"destination": "gs:/bucket/folder"}, "E263 the destination"),
        ({"destination": "gs://bucket"}, "E263 the destination"),
        ({"destination": "s3://bucket/folder"}, "E263 the destination"),
        ({"destination": "bq://project.dataset"}, "E263 the destination"),
        ({"destination": "bq://p.d.t$20260131"}, "E263 the destination"),
        ({"destination": "bq://p.d.t`; DROP"}, "E263 the destination"),
    ],
)
def test_a_bad_parameter_is_named(tmp_path, options, message):
    path = tmp_path / "predictions.parquet"
    write_predictions(path, [("a", "x")])
    given_options = {"destination": str(tmp_path / "out"), "run_key": "r", **options}
    with pytest.raises(ValueError, match=f"^{message}"):
        publish_predictions.python_func(predictions=dsl.Dataset(uri=str(path)), **given_options)
    assert not (tmp_path / "out").exists()


def test_predictions_that_cannot_be_published(tmp_path):
    def attempt(path):
        publish_predictions.python_func(
            predictions=dsl.Dataset(uri=str(path)), destination=str(tmp_path / "o"), run_key="r"
        )

    with pytest.raises(ValueError, match=r"^E228 .*'run_key'"):
        publish(tmp_path / "o", [("a", "x")], "r", ["key VARCHAR", "Run_Key VARCHAR"])
    (tmp_path / "t.csv").write_text("key\na\n")
    with pytest.raises(ValueError, match=r"^E202 .*no Parquet"):
        attempt(tmp_path / "t.csv")
    with pytest.raises(ValueError, match=r"^E201 "):
        attempt(tmp_path / "absent")
    (tmp_path / "cut").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"^E202 "):
        attempt(tmp_path / "cut")
    path = tmp_path / "spoilt.parquet"
    write_predictions(path, [(str(n), "x" * 50) for n in range(500)])
    content = bytearray(path.read_bytes())
    content[4:400] = b"\0" * 396
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^E202 .*not readable as Parquet"):
        attempt(path)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format_version": 2}', '{"format_version": 1, "files": []}']
)
def test_a_manifest_of_somebody_else_is_left_alone(tmp_path, text):
    (tmp_path / "_manifest.json").write_text(text)
    with pytest.raises(RuntimeError, match=r"^E269 .*is no manifest"):
        publish(tmp_path, [("a", "x")], "r")
    assert (tmp_path / "_manifest.json").read_text() == text


@pytest.mark.parametrize(
    "change",
    [
        {"files": "data/a.parquet"},
        {"files": [1]},
        {"files": ["/etc/passwd"]},
        {"files": ["data/../../a.parquet"]},
        {"files": ["data/a\0.parquet"]},
        {"rows": "1"},
        {"rows": 1.0},
        {"rows": True},
        {"rows": None},
        {"runs": {}},
        {"runs": ["1"]},
        {"runs": [{"run_key": "1"}]},
        {"runs": [{"run_key": 1, "fingerprint": "f"}]},
        {"runs": [{"run_key": "1", "fingerprint": None}]},
        {"superseded": None},
        {"superseded": [None]},
        {"superseded": ["data/../../precious"]},
    ],
)
def test_a_manifest_of_other_types_is_left_alone(tmp_path, change):
    publish(tmp_path, [("a", "x")], "1")
    path = tmp_path / "_manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    before = path.read_text()
    with pytest.raises(RuntimeError, match=r"^E269 .*is no manifest"):
        publish(tmp_path, [("b", "y")], "2")
    assert path.read_text() == before


@pytest.mark.parametrize("mode", ["append", "merge"])
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("content", [None, b"", b"PAR1 and no more PAR1"])
def test_a_published_file_that_is_gone_or_spoilt_is_named(tmp_path, mode, number, content):
    for run in "12":
        publish(tmp_path, [(run, "x")], run)
    before = (tmp_path / "_manifest.json").read_text()
    file = json.loads(before)["files"][number]
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(RuntimeError, match=rf"^E269 the file .*{file}, .* cannot be read"):
        publish(tmp_path, [("1", "z"), ("2", "z")], "3", mode=mode)
    assert (tmp_path / "_manifest.json").read_text() == before


def test_a_published_file_that_goes_meanwhile_is_named(tmp_path):
    with duckdb.connect() as con, pytest.raises(RuntimeError, match=r"^E269 .*data/a.parquet,"):
        publishing.rewrite_files(con, str(tmp_path), ["data/a.parquet"], "data/b", "false")


def test_two_publications_at_once(tmp_path, monkeypatch):
    publish(tmp_path, [("a", "x")], "1")
    write = publishing.write_part
    meanwhile = iter([lambda: publish(tmp_path, [("b", "y")], "2")])

    def slow(*arguments):
        with contextlib.suppress(StopIteration):
            next(meanwhile)()
        return write(*arguments)

    monkeypatch.setattr(publishing, "write_part", slow)
    with pytest.raises(RuntimeError, match=r"^E269 another run published"):
        publish(tmp_path, [("c", "z")], "3")
    assert published(tmp_path) == [("a", "x"), ("b", "y")]
    publish(tmp_path, [("c", "z")], "3")
    assert published(tmp_path) == [("a", "x"), ("b", "y"), ("c", "z")]


def test_a_reader_may_go_on_while_the_next_publication_is_made(tmp_path):
    publish(tmp_path, [("a", "x"), ("b", "y")], "1")
    files = json.loads((tmp_path / "_manifest.json").read_text())["files"]
    publish(tmp_path, [("a", "z")], "2", mode="merge")
    assert all((tmp_path / file).exists() for file in files)
    publish(tmp_path, [("a", "z")], "3", mode="merge")
    assert not any((tmp_path / file).exists() for file in files)
    assert published(tmp_path) == [("a", "z"), ("b", "y")]


def test_what_cannot_be_removed_does_not_undo_a_publication(tmp_path, monkeypatch):
    for run in "12":
        publish(tmp_path, [("a", run)], run, mode="merge")

    def refuse(path):
        raise PermissionError(path)

    monkeypatch.setattr(os, "remove", refuse)
    assert publish(tmp_path, [("a", "3")], "3", mode="merge").changed
    assert published(tmp_path) == [("a", "3")]


# Everything that Python writes, renames or removes is announced to an audit hook; what DuckDB
# writes goes through write_part. Each publication is a fork of this process, which has imported
# all and opened nothing, and ends without a word before the given one of those events.
KILLED = """
import json, os, signal, sys, time
from pathlib import Path
import duckdb
from batchpredict.runtime import publishing
from kfp import dsl
from batchpredict.components.publish_predictions import publish_predictions

source, mode = sys.argv[1:3]
write = publishing.write_part

def publish(folder, left, spoil):
    def step():
        nonlocal left
        left -= 1
        if left < 0:
            os._exit(9)

    def hook(event, arguments):
        renamed = event in ("os.rename", "os.remove", "os.mkdir")
        written = event == "open" and arguments[2] & os.O_ACCMODE
        if (renamed or written) and folder in str(arguments[0]):
            step()

    def write_part(con, query, where, stem):
        step()
        if spoil and left == 0:
            # Killed inside: half of the file is there.
            os.makedirs(f"{where}/data", exist_ok=True)
            Path(where, f"{stem}-half.parquet").write_bytes(b"PAR1 half")
            os._exit(9)
        name = write(con, query, where, stem)
        step()
        return name

    def dump(content, file, **options):
        step()
        if spoil and left == 0:
            file.write(json.dumps(content)[:20])
            file.flush()
            os._exit(9)
        file.write(json.dumps(content, **options))

    publishing.write_part, json.dump = write_part, dump
    sys.addaudithook(hook)
    publish_predictions.python_func(
        predictions=dsl.Dataset(uri=source), destination=folder, run_key="3", mode=mode,
        partition_column="day", partition_value="2026-01-31",
    )

for line in sys.stdin:
    folder, left, spoil, seconds = line.split()
    child = os.fork()
    if not child:
        code = 1
        try:
            publish(folder, int(left), spoil == "spoil")
            code = 0
        finally:
            os._exit(code)
    if float(seconds):
        time.sleep(float(seconds))
        os.kill(child, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def killed(tmp_path):
    """Publish ``new.parquet`` in a process that ends before its n-th event or after some time."""
    with contextlib.ExitStack() as stack:

        def publish(folder, mode, left=1000, spoil=False, seconds=0.0):
            if not processes:
                command = [sys.executable, "-c", KILLED, str(tmp_path / "new.parquet"), mode]
                pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
                processes.append(stack.enter_context(subprocess.Popen(command, **pipes)))
            told = f"{folder} {left} {'spoil' if spoil else 'whole'} {seconds}\n"
            processes[0].stdin.write(told)
            processes[0].stdin.flush()
            return int(processes[0].stdout.readline())

        processes = []
        yield publish


@pytest.mark.parametrize("mode", ["append", "overwrite_partition", "merge"])
def test_whatever_it_is_killed_at_the_former_state_or_the_new_one_is_there(tmp_path, mode, killed):
    write_predictions(tmp_path / "new.parquet", [("a", "new"), ("d", "new")])
    folder, copy = tmp_path / "published", tmp_path / "copy"
    day = {"partition_column": "day", "partition_value": "2026-01-31"}
    other = {"partition_column": "day", "partition_value": "2026-01-30"}
    publish(folder, [("a", "old"), ("b", "old")], "0", **other)
    publish(folder, [("b", "older")], "1", **{**other, "mode": "merge"})
    publish(folder, [("a", "older"), ("c", "old")], "2", **{**day, "mode": "merge"})
    old = published(folder)
    shutil.copytree(folder, copy)
    assert killed(copy, mode) == 0
    new = published(copy)
    assert new != old
    seen, code = [], 9
    for left in range(100):
        for spoil in (True, False):
            code = killed(folder, mode, left, spoil)
            assert code in (0, 9)
            seen.append(published(folder))
            assert seen[-1] in (old, new)
        if code == 0:
            break
    assert code == 0
    assert len(seen) > 8
    assert seen[0] == old
    assert seen[-1] == new


def test_killed_at_any_moment(tmp_path, killed):
    folder = tmp_path / "published"
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT r::VARCHAR AS key, md5(r::VARCHAR) AS label, [r / 7] AS scores, "
            f"[{{'x': r / 3}}] AS box FROM range(200000) t(r)) TO '{tmp_path}/new.parquet' "
            "(FORMAT parquet)"
        )
    old, new = [("-1", "1"), ("1", "1")], 200_001
    publish(folder, old, "0", partition_column="day", partition_value="2026-01-30")
    counted = set()
    for attempt in range(10):
        killed(folder, "merge", seconds=0.05 + 0.1 * attempt)
        counted.add(len(published(folder)))
    killed(folder, "merge")
    assert len(published(folder)) == new
    assert counted <= {2, new}
