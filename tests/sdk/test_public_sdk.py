"""Google's public SDK, unmodified, in a process of its own, against the running services."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT

from batchpredict.local.network.environment import scrubbed
from batchpredict.local.session import LocalVertex


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_the_sdk_runs_the_pipeline_and_finds_its_results(
    vertex: LocalVertex, tmp_path: Path, transport: str
) -> None:
    script = Path(__file__).parent / "script.py"
    template = ROOT / "compiled" / "train_and_batch_predict.yaml"
    done = subprocess.run(
        [sys.executable, script, transport, template, ROOT / "examples" / "penguins.csv"],
        env={**scrubbed(), **vertex.environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["job_state"] == "PIPELINE_STATE_SUCCEEDED"
    assert "gate-passed/deploy-model/predict-once" in seen["tasks"]
    assert seen["model"] == f"sdk-{transport}"
    assert "sklearn-cpu.1-6" in seen["image"]
    assert seen["batch_state"] == "JOB_STATE_SUCCEEDED"
    assert seen["predicted"] == seen["keys"] == 86
    assert seen["files"] == [
        "prediction.errors_stats-00000-of-00001",
        "prediction.results-00000-of-00001",
    ]
    accuracy = seen["row"].pop("metric.accuracy")
    assert 0.9 < accuracy <= 1.0
    assert seen["row"] == {
        "pipeline_name": "train-and-batch-predict",
        "param.input:target_column": "species",
    }
    assert seen["answer"] == ["Adelie", "Adelie"]
