"""Faults planned from another process."""

from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.cloud import storage

from batchpredict.local.faults.registry import Faults
from batchpredict.local.session import LocalVertex

PATH = "/batchpredict/v1/faults"
METHOD = "storage.buckets.get"


@pytest.fixture
def url(vertex: LocalVertex, faults: Faults) -> str:  # noqa: ARG001 - it clears up
    return f"http://{vertex.environment['GCE_METADATA_HOST']}{PATH}"


def ask(verb: str, url: str, content: Any = None) -> tuple[int, Any]:
    reply = requests.request(verb, url, json=content, timeout=20)
    return reply.status_code, reply.json()


def test_a_fault_is_planned_met_and_accounted_for(url: str, bucket: storage.Bucket) -> None:
    wanted = {"method": METHOD, "fault": "status", "status": 500, "calls": [1, 3]}
    status, plan = ask("POST", url, wanted)
    assert status == 200
    assert plan == {
        "id": plan["id"],
        "method": METHOD,
        "fault": "status",
        "calls": [1, 3],
        "seen": 0,
        "hits": 0,
        "exhausted": False,
    }
    with pytest.raises(exceptions.InternalServerError):
        bucket.reload(retry=None)
    bucket.reload(retry=None)
    counted = {**plan, "seen": 2, "hits": 1}
    assert ask("GET", url) == (200, {"faults": [counted]})
    assert ask("GET", f"{url}/{plan['id']}") == (200, counted)
    assert ask("DELETE", f"{url}/{plan['id']}") == (200, counted)
    bucket.reload(retry=None)
    assert ask("GET", url) == (200, {"faults": []})
    assert ask("GET", f"{url}/{plan['id']}")[0] == 404


def test_a_held_call_is_released(url: str, bucket: storage.Bucket, faults: Faults) -> None:
    _, plan = ask("POST", url, {"method": METHOD, "fault": "delay"})
    assert ask("POST", f"{url}/{plan['id']}:release")[0] == 200
    bucket.reload(retry=None)
    assert faults.find(plan["id"]).hits == 1
    assert ask("DELETE", url)[1]["faults"][0]["hits"] == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"method": "storage.buckets.gte", "fault": "reset"}, "E381 there is no method"),
        ({"method": METHOD, "fault": "rest"}, "did you mean 'reset'?"),
        ({"method": METHOD, "fault": "reset", "call": 1}, "no option of reset 'call'"),
        ({"method": METHOD, "fault": "reset", "self": 1}, "no option of reset 'self'"),
        ({"method": METHOD}, "with method and fault"),
        ([1], "with method and fault"),
    ],
)
def test_what_cannot_be_planned_is_a_400(url: str, content: Any, said: str) -> None:
    status, reply = ask("POST", url, content)
    assert status == 400
    assert said in reply["error"]["message"]
    assert ask("GET", url) == (200, {"faults": []})


def test_other_verbs_and_paths_do_nothing(url: str) -> None:
    assert ask("PUT", url)[0] == 400
    assert ask("GET", f"{url}/x")[0] == 404
    assert ask("POST", f"{url}/1")[0] == 404


def test_it_is_not_served_to_googles_hosts(
    vertex: LocalVertex, url: str, bucket: storage.Bucket
) -> None:
    session = bucket.client._http
    assert session.get(f"https://storage.googleapis.com{PATH}").status_code == 501
    header = {"Host": "storage.googleapis.com"}
    assert requests.get(url, headers=header, timeout=20).status_code == 501
    assert vertex.faults.plans() == ()


def test_nothing_can_be_planned_for_it(url: str) -> None:
    _, plan = ask("POST", url, {"method": "*", "fault": "status", "calls": "each"})
    assert ask("GET", f"{url}/{plan['id']}") == (200, plan)
    assert ask("DELETE", url)[1]["faults"] == [plan]
