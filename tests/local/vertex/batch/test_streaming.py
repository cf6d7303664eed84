"""Batch prediction holds a few batches, however large its input is."""

import json
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from batchpredict.local.settings import BatchSettings
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.batch import outputs
from batchpredict.local.vertex.batch.prediction import (
    MOST_MESSAGES,
    OTHER_MESSAGES,
    Outcome,
    run_batch_prediction,
)

Reply = tuple[int, bytes]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    found = ObjectStore(tmp_path)
    found.create_bucket("bkt")
    return found


def run(
    store: ObjectStore,
    uri: str,
    predict: Callable[[Any, bytes], Reply],
    *,
    into: str = "jsonl",
    cancelled: threading.Event | None = None,
    size: int = 64,
    **settings: int,
) -> Outcome:
    job = types.BatchPredictionJob(
        input_config={"instances_format": "jsonl", "gcs_source": {"uris": [uri]}},
        output_config={"predictions_format": into},
        output_info={"gcs_output_directory": "gs://bkt/out/x"},
        manual_batch_tuning_parameters={"batch_size": size},
    )
    outcome = Outcome()
    stop = cancelled or threading.Event()
    chosen = BatchSettings(**settings)
    none: Any = None  # no tables
    run_batch_prediction(job, types.Model(), store, none, predict, stop, outcome, chosen)
    return outcome


def write(store: ObjectStore, count: int) -> str:
    path = store.path("gs://bkt/in.jsonl")
    path.write_text("".join(f'{{"id": {number}, "x": 1.5}}\n' for number in range(count)))
    return "gs://bkt/in.jsonl"


def ids(_: Any, body: bytes) -> Reply:
    rows = json.loads(body)["instances"]
    return 200, json.dumps({"predictions": [row["id"] for row in rows]}).encode()


@pytest.mark.parametrize("into", ["jsonl", "csv"])
def test_memory_does_not_grow_with_the_input(
    store: ObjectStore, into: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "BUFFER", 1 << 16)  # which is filled many times then
    peaks = []
    for count in (10_000, 80_000):
        uri = write(store, count)
        tracemalloc.start()
        assert run(store, uri, ids, into=into).succeeded == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 3 * peaks[0]  # for eight times the rows; other threads count too


def test_no_more_is_read_than_is_being_asked(store: ObjectStore) -> None:
    asked, held = [], threading.Event()

    def hold(model: Any, body: bytes) -> Reply:
        asked.append(body)
        held.wait(30)
        return ids(model, body)

    read: list[int] = []
    uri = write(store, 64 * 100)

    def count_reading() -> None:
        while not read:
            if len(asked) == 3:
                read.append(len(asked))
                held.set()

    watcher = threading.Thread(target=count_reading, daemon=True)
    watcher.start()
    assert run(store, uri, hold, in_flight=3).succeeded == 6400
    watcher.join(30)
    assert read == [3]


@pytest.mark.parametrize("in_flight", [1, 2, 7])
def test_answers_are_written_in_the_order_of_the_input(store: ObjectStore, in_flight: int) -> None:
    late = threading.Event()

    def first_comes_last(model: Any, body: bytes) -> Reply:
        if b'"id": 0,' in body and in_flight > 1:
            assert late.wait(30)
        else:
            late.set()
        return ids(model, body)

    outcome = run(store, write(store, 1000), first_comes_last, in_flight=in_flight)
    assert outcome.succeeded == 1000
    lines = store.path("gs://bkt/out/x/prediction.results-00000-of-00001").read_text()
    assert [json.loads(line)["prediction"] for line in lines.splitlines()] == list(range(1000))


def test_a_request_that_is_refused_is_sent_three_times_more(store: ObjectStore) -> None:
    sent: list[bytes] = []

    def mend(model: Any, body: bytes) -> Reply:
        sent.append(body)
        return ids(model, body) if len(sent) == 4 else (503, b"busy")

    outcome = run(store, write(store, 5), mend)
    assert (outcome.succeeded, outcome.failed, len(sent)) == (5, 0, 4)
    sent.clear()

    def refuse(_: Any, body: bytes) -> Reply:
        sent.append(body)
        return 503, b"busy"

    outcome = run(store, write(store, 5), refuse)
    assert (outcome.succeeded, outcome.failed, len(sent)) == (0, 5, 4)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TimeoutError("timed out"), "Non-OK result 504 (upstream request timeout) from server"),
        (ConnectionRefusedError("gone"), "Non-OK result 503 (upstream connect error: gone)"),
    ],
)
def test_a_server_that_does_not_answer_fails_its_rows(
    store: ObjectStore, error: OSError, text: str
) -> None:
    def fail(*_: Any) -> Reply:
        raise error

    outcome = run(store, write(store, 3), fail)
    [(message, count)] = outcome.errors.items()
    assert count == 3
    start = "Post request fails. Cannot get predictions. Error: Exceeded retries: "
    assert message.startswith(start + text)


def test_messages_are_kept_up_to_a_number_and_a_length(store: ObjectStore) -> None:
    def refuse(_: Any, body: bytes) -> Reply:
        return 422, body + b"x" * 10_000

    outcome = run(store, write(store, 1500), refuse, size=1)
    assert outcome.failed == 1500
    assert len(outcome.errors) == MOST_MESSAGES + 1
    assert outcome.errors[OTHER_MESSAGES] == 1500 - MOST_MESSAGES
    assert max(map(len, outcome.errors)) < 2300


def test_cancelling_does_not_wait_for_a_slow_answer(store: ObjectStore) -> None:
    cancelled, held = threading.Event(), threading.Event()

    def hold(model: Any, body: bytes) -> Reply:
        cancelled.set()
        held.wait(60)
        return ids(model, body)

    outcome = run(store, write(store, 1000), hold, cancelled=cancelled)
    held.set()
    assert (outcome.succeeded, outcome.failed, outcome.complete) == (0, 0, False)
