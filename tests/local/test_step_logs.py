"""Cloud Logging's one method over files of steps."""

import datetime
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchpredict.local.network.http import HttpRequest
from batchpredict.local.step_logs import LoggingApi, StepLog

START = datetime.datetime(2026, 3, 1, 2, tzinfo=datetime.UTC)
BODY = {
    "resourceNames": ["projects/p"],
    "filter": 'resource.type="ml_job" AND resource.labels.job_id=("1" OR "2")',
    "orderBy": "timestamp asc",
}


class World:
    """Two steps, the second of which began a second later."""

    def __init__(self, folder: Path) -> None:
        self.logs = []
        for number in (1, 2):
            path = folder / f"{number}.log"
            path.write_text("".join(f"{number}.{line}\n" for line in range(3)))
            start = START + datetime.timedelta(seconds=number)
            self.logs.append(StepLog(str(number), "p", path, start, True))
        self.api = LoggingApi(self.each)

    def each(self) -> Iterator[StepLog]:
        yield from self.logs

    def post(self, path: str = "/v2/entries:list", **fields: Any) -> tuple[int, dict[str, Any]]:
        body = json.dumps({**BODY, **fields}).encode()
        request = HttpRequest("POST", path, body=body, base_url="https://logging.googleapis.com")
        reply = self.api.handle(request)
        return reply.status, json.loads(reply.body)

    def said(self, **fields: Any) -> list[str]:
        status, reply = self.post(**fields)
        assert status == 200, reply
        return [entry["jsonPayload"]["message"] for entry in reply["entries"]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_entries_come_in_order_and_say_whose_they_are(world: World) -> None:
    _, reply = world.post()
    assert [it["jsonPayload"]["message"] for it in reply["entries"]] == [
        *("1.0", "1.1", "1.2", "2.0", "2.1", "2.2")
    ]
    assert reply["entries"][0]["resource"]["labels"]["job_id"] == "1"
    assert reply["entries"][1]["timestamp"] == "2026-03-01T02:00:01.000001Z"
    assert len({it["insertId"] for it in reply["entries"]}) == 6
    assert world.said(orderBy="timestamp desc")[0] == "2.2"


def test_a_filter_selects(world: World) -> None:
    one = 'resource.type = "ml_job"\nresource.labels.job_id="2"'
    assert world.said(filter=one) == ["2.0", "2.1", "2.2"]
    late = BODY["filter"] + ' AND timestamp>="2026-03-01T03:00:02.000001+01:00"'  # type: ignore[operator]
    assert world.said(filter=late) == ["2.1", "2.2"]
    assert world.said(resourceNames=["projects/other"]) == []


def test_pages_follow_each_other(world: World) -> None:
    _, first = world.post(pageSize=4)
    _, second = world.post(pageSize=4, pageToken=first["nextPageToken"])
    assert len(first["entries"]) == 4
    assert [it["jsonPayload"]["message"] for it in second["entries"]] == ["2.1", "2.2"]
    assert "nextPageToken" not in second
    status, _ = world.post(orderBy="timestamp desc", pageToken=first["nextPageToken"])
    assert status == 400


def test_a_log_that_grows_keeps_its_order(world: World) -> None:
    """Lines that are seen while the step runs are as old as the file."""
    running = replace(world.logs[0], is_over=False)
    world.logs = [running]
    running.path.write_text("a\nhalf")
    os.utime(running.path, (START.timestamp() + 60, START.timestamp() + 60))
    assert world.said() == ["a"]
    running.path.write_text("a\nhalf a line\nb\n")
    os.utime(running.path, (START.timestamp() + 60, START.timestamp() + 60))
    world.logs = [replace(running, is_over=True)]
    _, reply = world.post()
    assert [it["jsonPayload"]["message"] for it in reply["entries"]] == ["a", "half a line", "b"]
    assert [it["timestamp"][17:] for it in reply["entries"]] == [
        *("00.000000Z", "00.000001Z", "00.000002Z")
    ]


def test_a_step_that_printed_nothing_has_no_entries(world: World) -> None:
    world.logs = [replace(world.logs[0], path=Path("/nowhere"))]
    assert world.said() == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"filter": ""}, 501),
        ({"filter": 'resource.type="ml_job"'}, 501),
        ({"filter": BODY["filter"] + " AND severity>=ERROR"}, 501),  # type: ignore[operator]
        ({"filter": BODY["filter"] + ' OR resource.type="x"'}, 501),  # type: ignore[operator]
        ({"filter": 'resource.type="global" AND resource.labels.job_id="1"'}, 501),
        ({"filter": 'resource.type="ml_job" AND resource.labels.job_id=("1" AND "2")'}, 501),
        ({"filter": BODY["filter"] + ' AND timestamp>="soon"'}, 400),  # type: ignore[operator]
        ({"resourceNames": []}, 400),
        ({"resourceNames": "projects/p"}, 400),
        ({"resourceNames": ["folders/1"]}, 501),
        ({"orderBy": "severity"}, 400),
        ({"pageSize": 0}, 400),
        ({"pageToken": "x"}, 400),
        ({"pageToken": 3}, 400),
        ({"projectIds": ["p"]}, 400),
        ({"path": "/v2/entries:write"}, 501),
    ],
)
def test_what_is_not_understood_is_refused(
    world: World, fields: dict[str, Any], status: int
) -> None:
    found, reply = world.post(**fields)
    assert found == status
    assert reply["error"]["status"] == {400: "INVALID_ARGUMENT", 501: "UNIMPLEMENTED"}[status]
