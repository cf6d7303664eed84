"""A job whose disk fills up ends, and who waits for it hears of it."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LinearRegression

from batchpredict.local.files import write_whole
from batchpredict.local.network.rpcs import load_rpcs
from batchpredict.local.polling import LAUNCHER
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex import jobs, state

RPCS = {rpc.method: rpc for rpc in load_rpcs().values()}


def call(vertex: LocalVertex, method: str, **fields: Any) -> Any:
    rpc = RPCS[method]
    headers = {"user-agent": LAUNCHER}  # it is answered when the job has ended, not before
    return vertex.services.call(rpc, rpc.request_type(**fields), headers)


def test_a_batch_prediction_job_on_a_full_disk_fails(
    vertex: LocalVertex, upload_sklearn: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = upload_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    write = write_whole
    full = OSError(errno.ENOSPC, "No space left on device")

    def results_do_not_fit(*_: Any) -> Any:
        monkeypatch.setattr(state, "write_whole", nothing_fits)
        raise full

    def nothing_fits(path: Path, text: str) -> None:
        if path.parent.name == "batchPredictionJobs":
            raise full
        write(path, text)

    monkeypatch.setattr(jobs, "run_batch_prediction", results_do_not_fit)
    prefix = {"output_uri_prefix": "gs://full-disk/out"}
    job = {
        "display_name": "full",
        "model": model,
        "input_config": {
            "instances_format": "jsonl",
            "gcs_source": {"uris": ["gs://full-disk/x"]},
        },
        "output_config": {"predictions_format": "jsonl", "gcs_destination": prefix},
    }
    created = call(vertex, "CreateBatchPredictionJob", parent=PARENT, batch_prediction_job=job)
    ended = call(vertex, "GetBatchPredictionJob", name=created.name)
    assert ended.state.name == "JOB_STATE_FAILED"
    assert "No space left on device" in ended.error.message
