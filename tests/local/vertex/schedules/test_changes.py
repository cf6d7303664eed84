"""Schedules are checked, changed and found."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from google.protobuf import field_mask_pb2
from local.vertex.schedules.support import DAY, HOUR, schedule, states_of

from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex

State = types.Schedule.State


def test_an_update_counts_from_now_on(
    vertex: LocalVertex, client: Any, make: Callable[..., Any]
) -> None:
    made = make()
    mask = field_mask_pb2.FieldMask(paths=["cron", "display_name", "max_run_count"])
    changed = types.Schedule(
        name=made.name, cron="30 5 * * *", display_name="daily", max_run_count=1
    )
    found = client.update_schedule(schedule=changed, update_mask=mask)
    assert (found.display_name, found.max_run_count) == ("daily", 1)
    assert f"{found.next_run_time:%H:%M}" == "05:30"
    assert found.create_pipeline_job_request == made.create_pipeline_job_request
    vertex.clock.advance(2 * DAY)
    assert states_of(vertex, made.name) == ["SUCCEEDED"]
    with pytest.raises(exceptions.BadRequest, match="COMPLETED"):
        client.update_schedule(schedule=changed, update_mask=mask)


def test_an_update_may_bring_another_pipeline_but_none_that_would_be_refused(
    vertex: LocalVertex, gapic: Callable[[str, str], Any], make: Callable[..., Any]
) -> None:
    client, made = gapic("schedule", "grpc"), make()
    mask = field_mask_pb2.FieldMask(paths=["create_pipeline_job_request"])
    changed = types.Schedule(name=made.name, **schedule("false"))
    client.update_schedule(schedule=changed, update_mask=mask)
    vertex.clock.advance(HOUR)
    assert states_of(vertex, made.name) == ["FAILED"]
    job = changed.create_pipeline_job_request.pipeline_job
    given: Any = {"a": {"artifact_id": "1"}}
    job.runtime_config.input_artifacts = given
    with pytest.raises(exceptions.MethodNotImplemented, match="input_artifacts"):
        client.update_schedule(schedule=changed, update_mask=mask)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"cron": "every day"}, "MINUTE HOUR"),
        ({"cron": ""}, "MINUTE HOUR"),
        ({"display_name": ""}, "display_name"),
        ({"max_concurrent_run_count": 0}, "max_concurrent_run_count"),
        ({"max_run_count": -1}, "negative"),
        ({"create_pipeline_job_request": {}}, r"create_pipeline_job_request\.parent"),
        ({"end_time": "2001-01-01T00:00:00Z"}, "before start_time"),
    ],
)
def test_a_schedule_that_could_not_fire_is_refused(
    client: Any, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(exceptions.BadRequest, match=words):
        client.create_schedule(parent=PARENT, schedule=schedule(**fields))


def test_a_pipeline_that_could_not_run_is_refused(client: Any) -> None:
    broken = schedule()
    broken["create_pipeline_job_request"]["pipeline_job"]["pipeline_spec"] = {"root": {}}
    with pytest.raises(exceptions.BadRequest):
        client.create_schedule(parent=PARENT, schedule=broken)
    unknown = schedule()
    job = unknown["create_pipeline_job_request"]["pipeline_job"]
    job["runtime_config"]["parameter_values"] = {"no_such": 1}
    with pytest.raises(exceptions.BadRequest, match="no_such"):
        client.create_schedule(parent=PARENT, schedule=unknown)


def test_schedules_and_their_runs_are_found_by_filters(
    vertex: LocalVertex, gapic: Callable[[str, str], Any], make: Callable[..., Any]
) -> None:
    client = gapic("schedule", "rest")
    named = make(display_name="filtered", end_time=vertex.clock.now() + 9 * DAY)
    make(display_name="other")

    def found(text: str) -> list[str]:
        request = {"parent": PARENT, "filter": text}
        names = sorted(it.display_name for it in client.list_schedules(request))
        return [name for name in names if name in ("filtered", "other")]  # others' tests have some

    assert found('display_name="filtered"') == ["filtered"]
    assert found("state=ACTIVE AND create_pipeline_job_request:*") == ["filtered", "other"]
    assert found("NOT end_time:*") == ["other"]
    assert found(f'next_run_time>"{vertex.clock.now():%Y-%m-%dT%H:%M:%SZ}" AND end_time:*') == [
        "filtered"
    ]
    vertex.clock.advance(HOUR)
    jobs = {"parent": PARENT, "filter": f"schedule_name={named.name}"}
    assert [it.schedule_name for it in gapic("pipeline", "rest").list_pipeline_jobs(jobs)] == [
        named.name
    ]
