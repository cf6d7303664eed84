"""After the services were killed nothing acknowledged is lost, and the start says what was."""

from pathlib import Path

import pytest
from killing.campaign import rounds

from batchpredict.local.files import remove_halves, write_whole
from batchpredict.local.recovery import recovery_notes

ROUNDS = 5


def test_nothing_acknowledged_is_lost_when_the_services_are_killed(tmp_path: Path) -> None:
    done = list(rounds(tmp_path / "home", "suite", ROUNDS))
    assert len(done) == ROUNDS
    assert sum(calls for calls, _ in done) > 50
    assert any("marked as ended" in note for _, notes in done for note in notes)


@pytest.mark.parametrize(
    ("ended", "halves", "uploads", "notes"),
    [
        ({}, 0, 0, []),
        (
            {"batchPredictionJobs": 1, "customJobs": 1, "pipelineJobs": 1},
            0,
            3,
            [
                "recovered: 2 jobs and 1 run of a session that was killed are marked as ended; "
                "--resume lets a run go on",
                "recovered: 3 unfinished uploads were removed",
            ],
        ),
        (
            {"batchPredictionJobs": 1},
            1,
            0,
            [
                "recovered: 1 job of a session that was killed is marked as ended",
                "recovered: 1 half-written state file was removed",
            ],
        ),
    ],
)
def test_what_was_recovered_is_said_in_words(
    ended: dict[str, int], halves: int, uploads: int, notes: list[str]
) -> None:
    assert recovery_notes(ended, halves, uploads) == notes


def test_half_written_files_are_removed_and_whole_ones_stay(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    write_whole(folder / "whole.json", "{}")
    (folder / ".half.json.partial").write_text("{")
    assert remove_halves(tmp_path) == 1
    assert [path.name for path in folder.iterdir()] == ["whole.json"]
