"""Google's SDK on schedules, custom jobs and training, in a process of its own."""

import datetime
import json
import subprocess
import sys
from pathlib import Path

import pytest
from kfp import dsl
from kfp.compiler import Compiler
from local.vertex.training.support import put_package
from sdk.training_script import TRAIN

from batchpredict.images import SKLEARN_SERVING
from batchpredict.local.network.environment import scrubbed
from batchpredict.local.session import LocalVertex


@dsl.component(base_image="python:3.11-slim")
def say(text: str) -> str:
    return text


@dsl.pipeline(name="said")
def said(text: str = "hello") -> None:
    say(text=text)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_the_sdk_schedules_and_trains(vertex: LocalVertex, tmp_path: Path, transport: str) -> None:
    template, package = tmp_path / "said.yaml", "gs://sdk-packages/trainer-0.1.tar.gz"
    Compiler().compile(said, str(template))
    files = {"setup.py": "", "trainer/__init__.py": "", "trainer/task.py": TRAIN}
    put_package(vertex, package, files)
    script = Path(__file__).parent / "training_script.py"
    with subprocess.Popen(
        [sys.executable, script, transport, template, package, SKLEARN_SERVING],
        env={**scrubbed(), **vertex.environment},
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        if process.stdout.readline() == "advance\n":
            vertex.clock.advance(datetime.timedelta(days=1))
        out, err = process.communicate("go on\n", timeout=240)
    assert process.returncode == 0, err
    done = ["PIPELINE_STATE_SUCCEEDED"]
    assert json.loads(out.splitlines()[-1]) == {
        "states": ["ACTIVE", "PAUSED", "ACTIVE", "COMPLETED"],
        "found": [True],
        "run": "PIPELINE_STATE_SUCCEEDED",
        "left": 0,
        "custom": ["JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", True],
        "listed": True,
        "part": [pytest.approx(6.0)],
        "squares": [4.0, 9.0],
        "trained": {it: [*done, it, "1"] for it in ("script", "package", "container")},
    }
