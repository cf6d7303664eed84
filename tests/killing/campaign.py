"""Rounds of work, kill, start and reading back over one home folder.

Each thing must be as its last acknowledged call left it, or, where a call was under way, as
before or after that call. Nothing may be half: what is listed can be read.
"""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import requests

from killing.ledger import Ledger
from killing.server import Server
from killing.workers import BUCKET, PLACE, STORAGE, VERTEX, Worker, check, url_of

WORKERS = 6
INTERRUPTED = "the session ended before the job did"
ACTIVE = re.compile("PENDING|RUNNING|QUEUED|CANCELLING")
JOBS = ("batchPredictionJobs", "pipelineJobs")


def rounds(home: Path, seed: str, count: int) -> Iterator[tuple[int, list[str]]]:
    """Run a campaign; yield after each round how many calls it had, and what the start said.

    Args:
        home: The home folder of the services; it is not there yet, or empty.
        seed: What all random choices follow from.
        count: How many times the services are killed.

    Raises:
        AssertionError: Something acknowledged is lost, or something is half.
    """
    ledger, server, interrupted = Ledger(), Server(home), 0
    try:
        server.start()
        url = f"{STORAGE}/storage/v1/b"
        check(server.client().post(url, json={"name": BUCKET}))
        for number in range(count):
            before = ledger.acknowledged
            _work_until_killed(server, ledger, seed, number)
            server.start()
            client = server.client()
            _check_all(client, ledger)
            ended = _count_interrupted(client)
            _check_told(server.recovered, ended - interrupted)
            _check_no_halves(home)
            interrupted = ended
            yield ledger.acknowledged - before, server.recovered
    finally:
        server.close()


def _work_until_killed(server: Server, ledger: Ledger, seed: str, number: int) -> None:
    """Let the clients work until a random number of calls was answered; then kill."""
    workers = [Worker(it, number, seed, ledger) for it in range(WORKERS)]
    faults: list[BaseException] = []

    def run(worker: Worker) -> None:
        try:
            worker.run(server.client())
        except BaseException as fault:  # shown by the thread that waits
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    ledger.wait(ledger.acknowledged + Random(f"{seed} {number}").randrange(1, 150))
    server.kill()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def _check_all(client: requests.Session, ledger: Ledger) -> None:
    for name in sorted({*ledger.states, *ledger.open}):
        ledger.settle(name, _state(client, name))
    listed = set(_listed(client, f"{STORAGE}/storage/v1/b/{BUCKET}/o", "items"))
    for kind in ("models", "endpoints"):
        listed |= {
            name.removeprefix(f"{PLACE}/")
            for name in _listed(client, f"{VERTEX}/{PLACE}/{kind}", kind)
        }
    ledger.forget("operations/")  # the services keep the last ones only
    there = {name for name, state in ledger.states.items() if state and "Jobs/" not in name}
    assert listed == there, f"listed but not acknowledged, or the other way: {listed ^ there}"


def _state(client: requests.Session, name: str) -> Any:
    """Return what there is of a name: data, labels, a number of versions; None when nothing."""
    kind = name.partition("/")[0]
    params = {"alt": "media"} if kind == "o" else {}
    reply = client.get(url_of(name), params=params)
    if reply.status_code == 404:
        return None
    check(reply)
    if kind == "o":
        return reply.content
    if kind == "models":
        check(client.get(f"{url_of(name)}@default"))
        versions = check(client.get(f"{url_of(name)}:listVersions")).json()["models"]
        return len(versions)
    if kind == "endpoints":
        return reply.json()["labels"]
    if kind == "operations":
        return "there" if reply.json()["done"] else None
    assert not ACTIVE.search(reply.json()["state"]), f"nobody works on {name}"
    return "there"


def _listed(client: requests.Session, url: str, field: str) -> Iterator[str]:
    params: dict[str, str] = {}
    while True:
        page = check(client.get(url, params=params)).json()
        yield from (it["name"] for it in page.get(field, []))
        if not page.get("nextPageToken"):
            return
        params = {"pageToken": page["nextPageToken"]}


def _count_interrupted(client: requests.Session) -> int:
    """Return how many jobs say that their session ended before they did."""
    names = [name for kind in JOBS for name in _listed(client, f"{VERTEX}/{PLACE}/{kind}", kind)]
    jobs = [check(client.get(f"{VERTEX}/{name}")).json() for name in names]
    return sum(job.get("error", {}).get("message") == INTERRUPTED for job in jobs)


def _check_told(notes: list[str], ended: int) -> None:
    """Compare the jobs and runs that a start says it ended with those that were ended."""
    text = " ".join(note for note in notes if "marked as ended" in note)
    told = sum(int(number) for number in re.findall(r"(\d+) (?:job|run)s?\b", text))
    assert told == ended, f"{ended} were ended, told: {notes}"


def _check_no_halves(home: Path) -> None:
    left = [path for path in home.rglob("*") if path.name.endswith(".partial")]
    left += list((home / "storage" / ".staging").iterdir())
    assert not left, f"half-written: {left}"
