"""Many clients and many jobs at once: nothing fails, nothing is left behind. No timings."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from local import lean
from local.lean_world import job_problem, make_place, start_many

from batchpredict.local.session import LocalVertex

CLIENTS, TURNS = 8, 17  # 12 calls a turn: 204 of each client
SETTLED = 10.0


@pytest.fixture(scope="module")
def place(vertex: LocalVertex) -> lean.Place:
    return make_place(vertex, "load-test")


def left() -> tuple[int, int]:
    """Return how many threads and open files this process has."""
    return threading.active_count(), len(os.listdir("/proc/self/fd"))


def drive(place: lean.Place, turns: int) -> lean.Record:
    """Let all clients send so many turns at once."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = pool.map(lambda n: lean.run_client(place, n, 0.0, turns), range(CLIENTS))
        return lean.merged(list(clients))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts the files of /proc")
def test_clients_at_once_meet_no_error_and_leave_nothing(place: lean.Place) -> None:
    drive(place, 3)  # workers of the gRPC server and connections to the model server stay
    before = left()
    record = drive(place, TURNS)
    assert record.errors == []
    assert len(record.seconds) == 12
    assert {len(seconds) for seconds in record.seconds.values()} == {CLIENTS * TURNS}
    assert sum(map(len, record.seconds.values())) >= CLIENTS * 200
    # A pool may grow by a few more; what leaks does so for each client, or each of their calls.
    end = time.monotonic() + SETTLED  # connections end when their threads have seen it
    while any(now >= then + CLIENTS for now, then in zip(left(), before, strict=True)):
        assert time.monotonic() < end, f"threads and files: {before} before, {left()} after"
        time.sleep(0.02)


def test_what_clients_wrote_at_once_is_whole(vertex: LocalVertex, place: lean.Place) -> None:
    def upload(client: int) -> None:
        wires = lean.Wires(place)
        for turn in range(20):
            wires.send(lean.upload_call(place, f"kept/{client % 4}/{turn}"))  # two write each
        wires.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(upload, range(CLIENTS)))
    names = [f"kept/{client}/{turn}" for client in range(4) for turn in range(20)]
    written = [vertex.store.path(f"gs://{place.bucket}/{name}").read_bytes() for name in names]
    assert set(written) == {lean.OBJECT}


def test_jobs_submitted_at_once_all_end_right(vertex: LocalVertex, place: lean.Place) -> None:
    names = start_many(vertex, place, 50)
    assert len(set(names)) == 50
    problems = [job_problem(vertex, name, number) for number, name in enumerate(names)]
    assert [problem for problem in problems if problem] == []
