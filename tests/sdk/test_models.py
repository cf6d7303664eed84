"""Google's SDK on versions, aliases, updates and traffic, in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LinearRegression

from batchpredict.images import SKLEARN_SERVING
from batchpredict.local.network.environment import scrubbed
from batchpredict.local.session import LocalVertex


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_the_sdk_manages_versions_and_traffic(
    vertex: LocalVertex,
    upload_sklearn: Callable[..., str],
    gapic: Callable[[str, str], Any],
    tmp_path: Path,
    transport: str,
) -> None:
    name = upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    artifacts = gapic("model", "grpc").get_model(name=name).artifact_uri
    script = Path(__file__).parent / "models_script.py"
    done = subprocess.run(
        [sys.executable, script, transport, artifacts, SKLEARN_SERVING],
        env={**scrubbed(), **vertex.environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "given": True,
        "second": ["2", True],
        "second_aliases": [],
        "listed": ["1", "2"],
        "info": True,
        "clone": True,
        "aliases": ["system-test-model", "default", "new-alias"],
        "updated": ["renamed", "better", {"team": "x", "v": "2"}],
        "filtered": ["2"],
        "left": ["1"],
        "found": [True],
        "before": {"blue": 6, "green": 2},
        "after": {"blue": 4, "green": 4},
        "endpoint": ["changed", 1],
        "endpoints": 1,
    }
