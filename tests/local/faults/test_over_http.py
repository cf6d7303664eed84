"""Faults as Google's clients over HTTP meet them."""

import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage
from google.cloud.storage.retry import DEFAULT_RETRY
from kfp import dsl

from batchpredict.local.faults.names import STORAGE, storage_method
from batchpredict.local.faults.registry import Faults
from batchpredict.local.network.http import HttpRequest
from batchpredict.local.outcomes import run_pipeline
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex
from batchpredict.local.storage.api import StorageApi

QUICK = DEFAULT_RETRY.with_delay(initial=0.001, maximum=0.01)
DATA = bytes(range(256)) * 400
CREATE = "EndpointService.CreateEndpoint"
Gapic = Callable[[str, str], Any]


def endpoints(gapic: Gapic, name: str) -> int:
    listed = gapic("endpoint", "rest").list_endpoints(
        {"parent": PARENT, "filter": f'display_name="{name}"'}
    )
    return len(list(listed))


def create(gapic: Gapic, name: str) -> Any:
    return gapic("endpoint", "rest").create_endpoint(
        parent=PARENT, endpoint={"display_name": name}
    )


def test_an_upload_is_retried_past_two_errors(faults: Faults, bucket: storage.Bucket) -> None:
    blob = bucket.blob("retried")
    with faults.plan("storage.objects.insert", "status", [1, 2], status=503) as plan:
        blob.upload_from_string(DATA, retry=QUICK)
    assert (plan.hits, plan.seen) == (2, 3)
    assert blob.download_as_bytes() == DATA


def test_a_status_ends_the_call_before_anything_is_done(
    faults: Faults, bucket: storage.Bucket
) -> None:
    blob = bucket.blob("refused")
    with (
        faults.plan("storage.objects.insert", "status", status="PERMISSION_DENIED", message="no"),
        pytest.raises(exceptions.Forbidden, match="no"),
    ):
        blob.upload_from_string(DATA, retry=None)
    assert not blob.exists()


def test_the_reply_says_when_to_come_again(faults: Faults, vertex: LocalVertex) -> None:
    url = f"http://{vertex.environment['GCE_METADATA_HOST']}/storage/v1/b"
    with faults.plan("storage.buckets.list", "status", status=429, retry_after=7):
        reply = requests.get(url, timeout=20)
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "7")
    assert reply.json()["error"]["status"] == "RESOURCE_EXHAUSTED"


def test_a_lost_reply_of_an_upload_leaves_the_object(
    faults: Faults, bucket: storage.Bucket
) -> None:
    blob = bucket.blob("lost")
    with (
        faults.plan("storage.objects.insert", "lost-reply"),
        pytest.raises(requests.exceptions.ConnectionError),
    ):
        blob.upload_from_string(DATA, if_generation_match=0, retry=None)
    assert blob.download_as_bytes() == DATA
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_string(DATA, if_generation_match=0, retry=None)


def test_a_reset_of_an_upload_leaves_nothing(faults: Faults, bucket: storage.Bucket) -> None:
    blob = bucket.blob("reset")
    with (
        faults.plan("storage.objects.insert", "reset"),
        pytest.raises(requests.exceptions.ConnectionError),
    ):
        blob.upload_from_string(DATA, retry=None)
    assert not blob.exists()


def test_a_cut_download_is_mended_by_the_client(faults: Faults, bucket: storage.Bucket) -> None:
    blob = bucket.blob("cut")
    blob.upload_from_string(DATA)
    with faults.plan("storage.objects.get", "truncate", after=1000) as plan:
        assert blob.download_as_bytes(retry=QUICK) == DATA
    assert plan.hits == 1
    assert plan.seen >= 2


def test_a_cut_download_is_an_error_without_retries(
    faults: Faults, bucket: storage.Bucket
) -> None:
    blob = bucket.blob("cut-short")
    blob.upload_from_string(DATA)
    with (
        faults.plan("storage.objects.get", "truncate", after=1000),
        pytest.raises(requests.exceptions.ChunkedEncodingError),
    ):
        blob.download_as_bytes(retry=None)


def test_a_reply_that_is_shorter_is_no_hit(faults: Faults, bucket: storage.Bucket) -> None:
    bucket.blob("short").upload_from_string(b"short")
    plan = faults.plan("storage.objects.get", "truncate", after=1000)
    assert bucket.blob("short").download_as_bytes(retry=None) == b"short"
    assert (plan.seen, plan.hits) == (1, 0)
    plan.withdraw()


def test_a_held_call_is_carried_out_when_it_is_released(
    faults: Faults, bucket: storage.Bucket
) -> None:
    blob = bucket.blob("held")
    with faults.plan("storage.objects.insert", "delay") as plan:
        upload = threading.Thread(target=blob.upload_from_string, args=(DATA,))
        upload.start()
        assert plan.wait(timeout=20)
        assert not blob.exists()
        plan.release()
        upload.join(20)
    assert blob.exists()


def test_an_upload_in_chunks_goes_on_after_a_lost_reply(
    faults: Faults, bucket: storage.Bucket
) -> None:
    data = bytes(700 * 1024)
    blob = bucket.blob("chunks", chunk_size=256 * 1024)
    with faults.plan("storage.objects.insert", "lost-reply", 2) as plan:
        blob.upload_from_file(io.BytesIO(data), retry=QUICK)  # no size: it takes a session
    assert plan.seen > 4
    assert blob.download_as_bytes() == data


@pytest.mark.parametrize(("fault", "made"), [("lost-reply", 1), ("reset", 0), ("truncate", 1)])
def test_a_rest_call_of_vertex_loses_its_connection(
    faults: Faults, gapic: Gapic, fault: str, made: int
) -> None:
    name = f"rest-{fault}"
    options = {"after": 5} if fault == "truncate" else {}
    broken = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)
    with faults.plan(CREATE, fault, **options), pytest.raises(broken):
        create(gapic, name)
    assert endpoints(gapic, name) == made


def test_a_rest_call_of_vertex_is_refused(faults: Faults, gapic: Gapic) -> None:
    with (
        faults.plan(CREATE, "status", status="ABORTED"),
        pytest.raises(exceptions.Conflict, match="a fault that a test asked for"),
    ):
        create(gapic, "rest-status")
    assert endpoints(gapic, "rest-status") == 0


def test_a_delayed_rest_call_is_carried_out(faults: Faults, gapic: Gapic) -> None:
    with faults.plan(CREATE, "delay", seconds=0.01) as plan:
        create(gapic, "rest-delay")
    assert plan.hits == 1
    assert endpoints(gapic, "rest-delay") == 1


@dsl.component(base_image="python:3.11-slim")
def look_into(bucket: str) -> bool:
    from google.cloud import storage

    return bool(storage.Client().bucket(bucket).exists(retry=None))


@dsl.pipeline(name="looking")
def looking(bucket: str) -> None:
    look_into(bucket=bucket)


def test_a_step_of_a_pipeline_meets_faults_too(faults: Faults, vertex: LocalVertex) -> None:
    with faults.plan("storage.buckets.get", "status", message="as planned") as plan:
        run = run_pipeline(vertex, looking, {"bucket": "faults"})
    assert plan.hits == 1
    assert run.state == "FAILED"
    assert "as planned" in run.log("look-into")


def test_the_token_of_the_metadata_server(faults: Faults, vertex: LocalVertex) -> None:
    root = f"http://{vertex.environment['GCE_METADATA_HOST']}/computeMetadata/v1"
    with faults.plan("metadata.token", "status", status=500):
        found = [
            requests.get(f"{root}/{path}", timeout=20).status_code
            for path in ("project/project-id", "instance/service-accounts/default/token")
        ]
    assert found == [200, 500]


def test_operations_have_names_too(faults: Faults, gapic: Gapic, bucket: storage.Bucket) -> None:
    name = create(gapic, "operation").operation.name
    url = f"https://us-central1-aiplatform.googleapis.com/v1/{name}"
    session = bucket.client._http
    with faults.calls("Operations.*") as both, faults.calls("*.WaitOperation") as waits:
        assert session.get(url).json()["done"]
        assert session.post(f"{url}:wait").json()["done"]
    assert (both.seen, waits.seen) == (2, 1)


def test_every_route_of_cloud_storage_has_one_name(vertex: LocalVertex) -> None:
    named = set()
    for verb, words, _ in StorageApi(vertex.store)._route._routes:
        path = "/".join("a%2Fb" if word == "{}" else word for word in words)
        named.add(storage_method(HttpRequest(verb, path)))
    assert named == set(STORAGE)
    assert storage_method(HttpRequest("GET", "/storage/v1/b/x/acl")) == ""


def test_bigquery_has_the_same_faults(faults: Faults, bucket: storage.Bucket) -> None:
    client = bigquery.Client("local-project", AnonymousCredentials(), _http=bucket.client._http)
    with faults.plan("bigquery.datasets.insert", "lost-reply") as plan:
        client.create_dataset("faulty", retry=QUICK, exists_ok=True)
    assert (plan.hits, plan.seen) == (1, 2)
    assert "faulty" in [it.dataset_id for it in client.list_datasets()]
