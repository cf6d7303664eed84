"""The request of a schedule as a value."""

import datetime
import json
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format

from batchpredict import vertex
from batchpredict.errors import UsageError

RUN = vertex.pipeline_run(
    "train_and_batch_predict",
    project="mine",
    location="europe-west4",
    pipeline_root="gs://mine/runs",
    parameters={"dataset_uri": "gs://mine/data.csv", "target_column": "y"},
    labels={"team": "x"},
    run_id="never-sent",
)


def test_a_schedule_is_a_request_that_can_be_looked_at() -> None:
    start = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    made = vertex.schedule(
        "nightly", RUN, cron=" 0  3 * * * ", timezone="Europe/Paris", start_time=start
    )
    body = dict(made.body)
    request = body.pop("createPipelineJobRequest")
    assert body == {
        "displayName": "nightly",
        "cron": "TZ=Europe/Paris 0 3 * * *",
        "startTime": "2026-03-01T00:00:00Z",
        "maxConcurrentRunCount": "1",
        "maxConcurrentActiveRunCount": "1",
        "allowQueueing": False,
    }
    assert set(request) == {"parent", "pipelineJob"}
    assert "never-sent" not in made.to_json()
    assert request["pipelineJob"]["labels"]["batchpredict-schedule"] == "nightly"
    assert request["pipelineJob"]["labels"]["team"] == "x"
    assert "batchpredict-schedule" not in RUN.pipeline_job["labels"]
    assert json.loads(made.to_json()) == made.to_dict()
    message = types.CreateScheduleRequest.pb(types.CreateScheduleRequest())
    json_format.ParseDict(made.to_dict(), message)  # every field is one of Google's


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"cron": "0 3 * *"}, "E421 cron '0 3 \\* \\*' must be MINUTE HOUR"),
        ({"timezone": "Paris"}, "E421 'Paris' is no time zone"),
        ({"name": 'a"b'}, "E400 a schedule's name"),
        ({"name": ""}, "E400 a schedule's name"),
        ({"max_run_count": 0}, "E400 schedule nightly: a number of runs is at least 1"),
        ({"max_concurrent_active_run_count": 0}, "E400 schedule nightly"),
    ],
)
def test_what_is_wrong_is_refused(fields: dict[str, Any], words: str) -> None:
    given = {"name": "nightly", "cron": "0 3 * * *", **fields}
    with pytest.raises(UsageError, match=words):
        vertex.schedule(given.pop("name"), RUN, **given)
