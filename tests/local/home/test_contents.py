"""What is in a home folder, counted from its files."""

import json
from pathlib import Path

from batchpredict.local.home.contents import RUNS_SHOWN, Contents, contents_of

PLACE = "vertex/projects/p/locations/l"


def write(home: Path, name: str, content: object = "{}") -> None:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def test_a_home_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert contents_of(tmp_path / "no") == Contents({"buckets": 0, "runs": 0}, 0, [])


def test_resources_buckets_and_runs_are_counted(tmp_path: Path) -> None:
    for name in ("models/1@1", "models/1@2", "models/2@1", "endpoints/1", "batchPredictionJobs/9"):
        write(tmp_path, f"{PLACE}/{name}.json")
    write(tmp_path, "storage/one/object", "x" * 5000)
    write(tmp_path, "storage/.staging/partial")
    write(tmp_path, "runs/first/run.json")
    found = contents_of(tmp_path)
    assert found.counts == {
        "batchPredictionJobs": 1,
        "endpoints": 1,
        "models": 2,
        "buckets": 1,
        "runs": 1,
    }
    assert found.size >= 5000


def test_the_newest_runs_come_first(tmp_path: Path) -> None:
    for number in range(8):
        job = {"state": "PIPELINE_STATE_FAILED", "createTime": f"2026-01-0{number + 1}T00:00:00Z"}
        write(tmp_path, f"{PLACE}/pipelineJobs/run-{number}.json", job)
    write(tmp_path, f"{PLACE}/pipelineJobs/broken.json", "{")
    runs = contents_of(tmp_path).runs
    assert [run.run for run in runs] == [
        f"run-{number}" for number in range(7, 7 - RUNS_SHOWN, -1)
    ]
    assert runs[0].state == "FAILED"


def test_a_damaged_run_says_so(tmp_path: Path) -> None:
    write(tmp_path, f"{PLACE}/pipelineJobs/broken.json", "[]")
    assert contents_of(tmp_path).runs[0].state == "UNREADABLE"


def test_links_do_not_count(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, "large", "x" * 100_000)
    home = tmp_path / "home"
    home.mkdir()
    (home / "link").symlink_to(outside / "large")
    (home / "folder").symlink_to(outside)
    assert contents_of(home).size < 10_000
