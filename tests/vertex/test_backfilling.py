"""`vertex.backfill` from a program."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from talking import compiled

from batchpredict.errors import UsageError
from batchpredict.local.session import LocalVertex
from batchpredict.vertex import backfill

SCRIPT = """
import datetime, json, sys
from batchpredict import vertex
from batchpredict.pipeline_files import read_pipeline
from batchpredict.vertex.backfilling import VertexBackfill
from batchpredict.vertex.backfills import Attempt

dates = vertex.dates_between(datetime.date(2026, 8, 31), datetime.date(2026, 9, 2))
told = []
done = vertex.backfill(
    sys.argv[1], dates, project="local-project", location="us-central1",
    pipeline_root="gs://local-pipelines", date_parameter="text", parameters={"count": 2},
    labels={"team": "churn"}, tell=told.append,
)
compiled = read_pipeline(sys.argv[1])
service = VertexBackfill(compiled, "local-project", "us-central1", {}, "text", None)
gone = service.look(Attempt(dates[0], 1, done.dates[0].attempt.name + "0", "RUNNING", False))
runs = [vertex.get_run(it.attempt.name) for it in done.dates]
print(json.dumps({
    "dates": [[it.date, it.status] for it in done.dates],
    "given": [run.parameters["text"] for run in runs],
    "teams": [run.labels["team"] for run in runs],
    "ended": sorted(it.date for it in told if it.is_over),
    "gone": [gone.state, gone.is_over, gone.error],
}))
"""


def test_a_program_fills_in_days(vertex: LocalVertex, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **vertex.environment}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(compiled(tmp_path))],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    days = ["2026-08-31", "2026-09-01", "2026-09-02"]
    assert json.loads(done.stdout) == {
        "dates": [[day, "done"] for day in days],
        "given": days,
        "teams": ["churn"] * 3,
        "ended": days,
        "gone": ["DELETED", True, "the run was deleted"],
    }


def test_what_cannot_be_sent_is_refused_before_anything_is(tmp_path: Path) -> None:
    pipeline = str(compiled(tmp_path))
    place: dict[str, Any] = {"project": "p", "location": "us-central1"}
    with pytest.raises(UsageError, match="E430 there are no dates"):
        backfill(pipeline, [], **place)
    with pytest.raises(UsageError, match="E104"):
        backfill(pipeline, ["2026-08-31"], **place)
    with pytest.raises(UsageError, match="E400 pipeline_root"):
        backfill(pipeline, ["2026-08-31"], date_parameter="text", **place)
