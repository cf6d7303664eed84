"""Faults as Google's clients over gRPC meet them."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from sklearn.dummy import DummyClassifier

from batchpredict.local.faults.registry import Faults
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex

CREATE = "EndpointService.CreateEndpoint"
GET = "EndpointService.GetEndpoint"
Gapic = Callable[[str, str], Any]


def endpoints(gapic: Gapic, name: str) -> int:
    listed = gapic("endpoint", "grpc").list_endpoints(
        {"parent": PARENT, "filter": f'display_name="{name}"'}
    )
    return len(list(listed))


def create(gapic: Gapic, name: str) -> Any:
    return gapic("endpoint", "grpc").create_endpoint(
        parent=PARENT, endpoint={"display_name": name}
    )


def test_a_lost_reply_of_a_batch_job_leaves_exactly_one(
    faults: Faults,
    vertex: LocalVertex,
    gapic: Gapic,
    upload_sklearn: Callable[..., str],
) -> None:
    model = upload_sklearn(DummyClassifier().fit([[0]], [0]))
    vertex.store.path("gs://test-models/lost/rows.jsonl").parent.mkdir(exist_ok=True)
    vertex.store.path("gs://test-models/lost/rows.jsonl").write_text("[0]\n")
    job = {
        "display_name": "lost",
        "model": model,
        "input_config": {
            "instances_format": "jsonl",
            "gcs_source": {"uris": ["gs://test-models/lost/rows.jsonl"]},
        },
        "output_config": {
            "predictions_format": "jsonl",
            "gcs_destination": {"output_uri_prefix": "gs://test-models/lost"},
        },
    }
    client = gapic("job", "grpc")
    with (
        faults.plan("JobService.CreateBatchPredictionJob", "lost-reply"),
        pytest.raises(exceptions.ServiceUnavailable),
    ):
        client.create_batch_prediction_job(parent=PARENT, batch_prediction_job=job)
    listed = {"parent": PARENT, "filter": 'display_name="lost"'}
    assert len(list(client.list_batch_prediction_jobs(listed))) == 1


@pytest.mark.parametrize(("fault", "made"), [("lost-reply", 1), ("reset", 0), ("truncate", 1)])
def test_a_call_ends_as_one_that_lost_its_connection(
    faults: Faults, gapic: Gapic, fault: str, made: int
) -> None:
    name = f"grpc-{fault}"
    options = {"after": 5} if fault == "truncate" else {}
    with (
        faults.plan(CREATE, fault, **options),
        pytest.raises(exceptions.ServiceUnavailable, match="Socket closed"),
    ):
        create(gapic, name)
    assert endpoints(gapic, name) == made


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (429, exceptions.ResourceExhausted),
        (502, exceptions.ServiceUnavailable),
        (503, exceptions.ServiceUnavailable),
        (418, exceptions.Unknown),
        ("ABORTED", exceptions.Aborted),
        ("DATA_LOSS", exceptions.DataLoss),
    ],
)
def test_a_status_ends_the_call_before_anything_is_done(
    faults: Faults, gapic: Gapic, status: Any, expected: type[Exception]
) -> None:
    name = f"grpc-{status}"
    with (
        faults.plan(CREATE, "status", status=status, message="as planned"),
        pytest.raises(expected, match="as planned"),
    ):
        create(gapic, name)
    assert endpoints(gapic, name) == 0


def test_a_call_that_is_refused_anyway_loses_its_reply(faults: Faults, gapic: Gapic) -> None:
    with faults.plan(GET, "lost-reply"), pytest.raises(exceptions.ServiceUnavailable):
        gapic("endpoint", "grpc").get_endpoint(name=f"{PARENT}/endpoints/1")


def test_a_held_call_reaches_the_deadline_of_its_client(faults: Faults, gapic: Gapic) -> None:
    name = f"{PARENT}/endpoints/1"
    with faults.plan(GET, "delay") as plan:
        with pytest.raises(exceptions.DeadlineExceeded):
            gapic("endpoint", "grpc").get_endpoint(name=name, timeout=0.2)
        assert plan.hits == 1
    with pytest.raises(exceptions.NotFound):
        gapic("endpoint", "grpc").get_endpoint(name=name)


def test_one_method_counts_over_both_transports(faults: Faults, gapic: Gapic) -> None:
    with faults.calls(CREATE) as counted, faults.plan(CREATE, "status", 2):
        create(gapic, "both")
        with pytest.raises(exceptions.ServiceUnavailable):
            gapic("endpoint", "rest").create_endpoint(
                parent=PARENT, endpoint={"display_name": "both"}
            )
    assert counted.seen == 2
    assert endpoints(gapic, "both") == 1


def test_of_calls_side_by_side_exactly_the_planned_ones_fail(faults: Faults, gapic: Gapic) -> None:
    refused = []

    def call() -> None:
        try:
            create(gapic, "side-by-side")
        except exceptions.ResourceExhausted:
            refused.append(1)

    with faults.plan(CREATE, "status", range(1, 6), status=429):
        threads = [threading.Thread(target=call) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert len(refused) == 5
    assert endpoints(gapic, "side-by-side") == 7


def test_operations_have_names_too(faults: Faults, gapic: Gapic) -> None:
    name = create(gapic, "operation").operation.name
    with (
        faults.plan("Operations.GetOperation", "status", status="INTERNAL"),
        pytest.raises(exceptions.InternalServerError),
    ):
        gapic("endpoint", "grpc").get_operation({"name": name}, retry=None)
