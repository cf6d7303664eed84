"""What arrives for the same arguments is the same, sent by Google's SDK or by us."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from talking import compiled

from batchpredict.local.network.environment import scrubbed
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex

OF_THE_SERVICE = {
    *("name", "create_time", "start_time", "update_time", "end_time", "state", "job_detail"),
    "error",
}


def test_the_same_arguments_send_the_same_fields(vertex: LocalVertex, tmp_path: Path) -> None:
    script = Path(__file__).parent / "request_script.py"
    done = subprocess.run(
        [sys.executable, script, compiled(tmp_path)],
        env={**scrubbed(), **vertex.environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for caching in ("none", "false"):
        _compare(*(_sent(vertex, f"{who}-{caching}") for who in ("sdk", "ours")))


def _compare(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    assert {"display_name", "encryption_spec", "network", "service_account"} <= set(theirs)
    labels = ours.pop("labels")
    assert dict(theirs.pop("labels")) == {"team": "churn"}
    assert set(labels) == {"team", "batchpredict-pipeline", "batchpredict-version"}
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        assert ours[name] == value, name


def _sent(vertex: LocalVertex, run: str) -> dict[str, Any]:
    name = f"{PARENT}/pipelineJobs/{run}"
    assert vertex.services.pipelines.wait(name, 60)
    job = vertex.services.pipelines.snapshot(name)
    fields = type(job).pb(job).ListFields()
    return {field.name: value for field, value in fields if field.name not in OF_THE_SERVICE}
