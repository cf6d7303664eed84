"""The files of an output as JSON Lines: what is told by one file of another, and of several."""

import json
import threading
from pathlib import Path

import pytest
from kfp import dsl

from batchpredict.runtime.results import sources
from batchpredict.runtime.results.sources import open_output
from batchpredict.runtime.tables import open_database

HEAD = "key,predicted_y\n"


@pytest.fixture
def bring(tmp_path):
    """Return a function that writes files and brings them into JSON Lines."""

    def run(files, only=()):
        folder = tmp_path / "job"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content)
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        with open_database(str(scratch)) as con:
            output = open_output(
                con, dsl.Artifact(uri=str(folder)), None, "", str(scratch), list(only)
            )
            [threads] = con.execute("SELECT current_setting('async_threads')").fetchone()
        # DuckDB 2.0.0 waits for itself when an error ends what such threads are writing.
        assert threads == 0
        return [Path(path) for path in output["paths"]]

    return run


def failures(paths):
    """Return the messages of what is no row."""
    lines = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    return [line["error"]["message"] for line in lines if "error" in line]


CUT = "line 2: the file ends inside this line"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (HEAD + "b,2\n", [CUT]),
        (HEAD, []),
        (HEAD.strip(), []),
        ("", []),
        ("\ufeff", []),
        (HEAD + "b,2", []),
    ],
)
def test_a_file_without_a_last_line_feed_beside_another(bring, other, message):
    paths = bring({"predictions_1.csv": HEAD + "a,1", "predictions_2.csv": other})
    assert failures(paths) == message


@pytest.mark.parametrize(
    ("good", "bad", "messages"),
    [("a,1", "b,no\n", ["no"]), ("a,1\n", "b,no", [CUT]), ("a,1", "b,no", ["no"])],
)
def test_predictions_tell_of_errors_how_they_end_but_not_the_other_way(bring, good, bad, messages):
    files = {"predictions_1.csv": HEAD + good, "errors_1.csv": "key,errors_y\n" + bad}
    assert failures(bring(files)) == messages


def test_a_file_that_is_not_read_tells_that_lines_end(bring):
    files = {"predictions_1.csv": HEAD + "a,1", "predictions_2.csv": HEAD + "b,2\n"}
    assert failures(bring(files, ["predictions_1.csv"])) == [CUT]


def test_files_keep_their_order_and_names(bring):
    names = [f"predictions_{n}.csv" for n in range(1, 9)]
    paths = bring({name: f"{HEAD}{name},1\n" for name in names})
    assert [path.name for path in paths] == names
    keys = [json.loads(path.read_text())["key"] for path in paths]
    assert keys == names


def test_json_lines_stay_where_they_are(bring, tmp_path):
    [path] = bring({"predictions_1.jsonl": '{"prediction": 1}\n'})
    assert path.parent == tmp_path / "job"


def test_the_first_of_several_errors_is_told(bring, monkeypatch):
    second = threading.Event()

    def fail(_con, path, *_):
        if path.endswith("_1.csv"):
            assert second.wait(10)
        else:
            second.set()
        raise ValueError(f"E202 {Path(path).name}")

    monkeypatch.setattr(sources, "csv_lines", fail)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    with pytest.raises(ValueError, match=r"^E202 predictions_1.csv"):
        bring({f"predictions_{n}.csv": HEAD + "a,1\n" for n in (1, 2, 3)})


def test_as_many_files_at_a_time_as_there_are_cores(bring, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    together = threading.Barrier(3, timeout=10)

    def meet(_con, _path, _target, _errors, _whole, lines):
        together.wait()
        Path(lines).write_text("")

    monkeypatch.setattr(sources, "csv_lines", meet)
    assert len(bring({f"predictions_{n}.csv": HEAD + "a,1\n" for n in range(1, 7)})) == 6
