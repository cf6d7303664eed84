"""What differs between a schedule that is kept and one that is wanted."""

import copy
import datetime
import json
from typing import Any

import pytest
from cli.schedule.support import pipeline
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpredict import vertex
from batchpredict.errors import UsageError
from batchpredict.pipeline_files import CompiledPipeline
from batchpredict.vertex.schedule_changes import changes, unset_fields
from batchpredict.vertex.schedule_states import KeptSchedule, missed_runs

NOW = datetime.datetime(2030, 1, 1, 12, 30, tzinfo=datetime.UTC)
NAME = "projects/1234/locations/us-central1/schedules/77"


def wanted(spec: Any = None, **fields: Any) -> dict[str, Any]:
    """Return the body of a schedule; what is no field of it is one of the run."""
    timing: dict[str, Any] = {"cron": "0 6 * * *", "timezone": "Europe/Berlin", "max_run_count": 9}
    keys = ("cron", "timezone", "max_run_count", "start_time", "end_time", "allow_queueing")
    timing |= {key: fields.pop(key) for key in keys if key in fields}
    spec = spec or pipeline()
    compiled = CompiledPipeline(spec["pipelineInfo"]["name"], __file__, "", spec)  # type: ignore[arg-type]
    run = vertex.pipeline_run(
        compiled,
        **{
            "project": "mine",
            "location": "us-central1",
            "pipeline_root": "gs://mine/runs",
            "parameters": {"text": "a", "count": 1},
            **fields,
        },
    )
    return copy.deepcopy(dict(vertex.schedule("daily", run, **timing).body))


def kept(body: dict[str, Any], **fields: Any) -> KeptSchedule:
    """Return what the service makes of it."""
    own = {"name": NAME, "state": "ACTIVE", "createTime": "2029-12-31T08:00:00Z"}
    own |= {"startTime": "2029-12-31T08:00:00Z", "nextRunTime": "2030-01-02T05:00:00Z"}
    return KeptSchedule({**own, **copy.deepcopy(body), **fields})


def texts(before: dict[str, Any], after: dict[str, Any], **fields: Any) -> list[str]:
    return [change.text for change in changes(kept(before, **fields), after)]


def test_what_the_service_adds_is_no_change() -> None:
    body = wanted()
    there = copy.deepcopy(body)
    request = there["createPipelineJobRequest"]
    request["parent"] = "projects/1234/locations/us-central1"
    job = request["pipelineJob"]
    job["serviceAccount"] = "1234-compute@developer.gserviceaccount.com"
    job["runtimeConfig"]["failurePolicy"] = "PIPELINE_FAILURE_POLICY_FAIL_SLOW"
    job["runtimeConfig"]["parameterValues"]["count"] = 1.0
    job["labels"]["vertex-ai-pipelines-run-billing-id"] = "8"
    job["templateMetadata"] = {"version": "v1"}
    assert texts(there, body, startedRunCount="7", catchUp=True, lastPauseTime="x") == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"service_account": "a@b.c"}, {}, ["service_account: a@b.c -> unset"]),
        ({}, {"service_account": "a@b.c"}, ["service_account: unset -> a@b.c"]),
        ({"labels": {"team": "x"}}, {}, ["labels.team: x -> unset"]),
        (
            {"failure_policy": "fast"},
            {},
            ["failure_policy: PIPELINE_FAILURE_POLICY_FAIL_FAST -> unset"],
        ),
        ({}, {"pipeline_root": "gs://new/x"}, ["pipeline_root: gs://mine/runs -> gs://new/x"]),
        (
            {},
            {"parameters": {"text": "b"}},
            ["parameters.count: 1 -> unset", "parameters.text: a -> b"],
        ),
        ({}, {"max_run_count": 10}, ["max_run_count: 9 -> 10"]),
        ({}, {"allow_queueing": True}, ["allow_queueing: false -> true"]),
        ({"allow_queueing": True}, {}, ["allow_queueing: true -> false"]),
        ({}, {"timezone": ""}, ["cron: TZ=Europe/Berlin 0 6 * * * -> 0 6 * * *"]),
        ({"cron": "0  6 * * mon"}, {"cron": "0 6 * * MON"}, []),
        ({}, {"end_time": NOW}, ["end_time: unset -> 2030-01-01T12:30:00Z"]),
        ({}, {"start_time": NOW}, ["start_time: unset -> 2030-01-01T12:30:00Z"]),
    ],
)
def test_each_field_is_told_with_both_values(
    before: dict[str, Any], after: dict[str, Any], expected: list[str]
) -> None:
    old = wanted(**before)
    found = changes(KeptSchedule({"name": NAME, "state": "ACTIVE", **old}), wanted(**after))
    assert [change.text for change in found] == expected


def test_the_same_zone_in_other_words_is_no_change() -> None:
    body = wanted()
    assert texts({**body, "cron": "CRON_TZ=Europe/Berlin 0 6 * * *"}, body) == []
    assert texts({**body, "cron": "every morning"}, body) == [
        "cron: every morning -> TZ=Europe/Berlin 0 6 * * *"
    ]


def test_times_are_compared_as_moments() -> None:
    body = wanted(end_time=NOW, start_time=NOW - datetime.timedelta(days=1))
    other = {
        **body,
        "endTime": "2030-01-01T12:30:00.000Z",
        "startTime": "2029-12-31T13:30:00+01:00",
    }
    assert texts(body, other) == []


def test_a_pipeline_is_compared_step_by_step() -> None:
    new = pipeline(steps=["b"])
    inner = {"dag": {"tasks": {"c": {"componentRef": {"name": "comp-a"}}}}}
    new["components"]["comp-b"] = inner
    new["deploymentSpec"]["executors"]["exec-a"]["container"]["image"] = "python:3.12"
    assert texts(wanted(), wanted(new)) == [
        "pipeline.steps.a.container.image: python:3.11-slim -> python:3.12",
        "pipeline.steps.b: unset -> a step",
        "pipeline.steps.b/c: unset -> a step",
    ]
    assert [change.mask for change in changes(kept(wanted()), wanted(new))] == [
        "create_pipeline_job_request"
    ] * 3
    assert texts(wanted(new), wanted())[1] == "pipeline.steps.b: a step -> unset"


def test_what_is_no_step_is_told_too_and_long_texts_by_their_length() -> None:
    new = pipeline()
    new["sdkVersion"] = "kfp-2.17.1"
    assert texts(wanted(), wanted(new)) == ["pipeline.sdkVersion: unset -> kfp-2.17.1"]
    long = pipeline("nothing", "python", "-c", "print(1)\n" * 4000)
    [text] = texts(wanted(), wanted(long))
    assert text.startswith('pipeline.steps.a.container.command: ["true"] -> 40,')
    assert len(text) < 150


def test_declared_inputs_are_compared() -> None:
    new = pipeline()
    new["root"]["inputDefinitions"]["parameters"]["count"]["defaultValue"] = 2
    assert texts(wanted(), wanted(new)) == [
        "pipeline.inputs.parameters.count.defaultValue: 1 -> 2"
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)


@settings(max_examples=60, deadline=None)
@given(JSON, JSON)
def test_a_change_is_told_exactly_when_a_parameter_differs(one: Any, other: Any) -> None:
    bodies = []
    for value in (one, other):
        body = wanted()
        job = body["createPipelineJobRequest"]["pipelineJob"]
        job["runtimeConfig"]["parameterValues"]["text"] = value
        bodies.append(body)
    found = texts(*bodies)
    assert (found == []) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))
    assert all(text.startswith("parameters.text: ") for text in found)


def test_what_cannot_be_unset_is_named() -> None:
    full = wanted(end_time=NOW, start_time=NOW + datetime.timedelta(days=1))
    bare = wanted(max_run_count=None)
    assert unset_fields(kept(full), bare, NOW) == ["max_run_count", "end_time", "start_time"]
    later = NOW + datetime.timedelta(days=2)
    assert unset_fields(kept(full), bare, later) == ["max_run_count", "end_time"]
    assert unset_fields(kept(full), full, NOW) == []
    assert unset_fields(kept(bare), bare, NOW) == []


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({}, 4),
        ({"state": "ACTIVE"}, 0),
        ({"maxRunCount": "9", "startedRunCount": "7"}, 2),
        ({"endTime": "2029-12-31T06:00:00Z"}, 3),
        ({"nextRunTime": None, "lastPauseTime": "2029-12-30T06:00:01Z"}, 2),
        ({"nextRunTime": None}, 0),
        ({"nextRunTime": "2030-02-01T06:00:00Z"}, 0),
    ],
)
def test_the_runs_that_a_pause_has_missed_are_counted(fields: dict[str, Any], count: int) -> None:
    body = wanted(timezone="", max_run_count=None)
    paused = {"state": "PAUSED", "nextRunTime": "2029-12-29T06:00:00Z", **fields}
    assert missed_runs(kept(body, **paused), NOW) == count


def test_a_pause_of_years_is_not_counted_to_its_end() -> None:
    body = wanted(cron="* * * * *", timezone="", max_run_count=None)
    old = kept(body, state="PAUSED", nextRunTime="2020-01-01T00:00:00Z")
    assert missed_runs(old, NOW) == 10_000


def test_a_form_that_is_not_understood_here_is_said() -> None:
    theirs = kept({**wanted(), "cron": "every day"}, state="PAUSED")
    with pytest.raises(UsageError, match="E421 schedule daily: cron 'every day' must be MINUTE"):
        missed_runs(theirs, NOW)
    assert theirs.to_dict()["cron"] == "every day"
