"""Clients that make, change and delete things until the services are gone."""

import contextlib
from collections.abc import Callable
from random import Random
from typing import Any

import requests

from killing.ledger import Ledger

PLACE = "projects/local-project/locations/us-central1"
VERTEX = "https://us-central1-aiplatform.googleapis.com/v1"
STORAGE = "https://storage.googleapis.com"
BUCKET = "kept"
IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"
CHUNK = 256 * 1024
SLEEPER = {
    "pipelineInfo": {"name": "sleeper"},
    "schemaVersion": "2.1.0",
    "components": {"comp-sleep": {"executorLabel": "exec-sleep"}},
    "deploymentSpec": {
        "executors": {
            "exec-sleep": {"container": {"image": "python", "command": ["sleep", "600"]}}
        }
    },
    "root": {
        "dag": {
            "tasks": {
                "sleep": {"componentRef": {"name": "comp-sleep"}, "taskInfo": {"name": "sleep"}}
            }
        }
    },
}


class Worker:
    """One client; its names are its own, so what it knows of them is all there is to know."""

    def __init__(self, number: int, round_number: int, seed: str, ledger: Ledger) -> None:
        self._dice = Random(f"{seed} {round_number} {number}")
        self._prefix = f"r{round_number}w{number}"
        self._ledger = ledger
        self._made = 0

    def run(self, client: requests.Session) -> None:
        """Make random calls until the services are gone."""
        calls: list[Callable[[requests.Session], None]] = [self._put, self._put, self._resumable]
        calls += [self._drop, self._model, self._endpoint, self._job, self._pipeline]
        with contextlib.suppress(requests.ConnectionError):
            while True:
                self._dice.choice(calls)(client)

    def _new(self, kind: str) -> str:
        self._made += 1
        return f"{kind}/{self._prefix}n{self._made}"

    def _own(self, kind: str) -> list[str]:
        start = f"{kind}/{self._prefix}n"
        return [n for n, it in list(self._ledger.states.items()) if n.startswith(start) and it]

    def _put(self, client: requests.Session) -> None:
        """Write an object anew or over another."""
        own = self._own("o")
        name = self._dice.choice(own) if own and self._dice.random() < 0.4 else self._new("o")
        data = self._dice.randbytes(self._dice.randrange(100_000))
        url = f"{STORAGE}/upload/storage/v1/b/{BUCKET}/o"
        with self._ledger.change(name, data):
            check(client.post(url, params={"uploadType": "media", "name": name}, data=data))

    def _resumable(self, client: requests.Session) -> None:
        """Write an object in two pieces."""
        name, data = self._new("o"), self._dice.randbytes(CHUNK + self._dice.randrange(50_000))
        url = f"{STORAGE}/upload/storage/v1/b/{BUCKET}/o"
        with self._ledger.change(name, data):
            params = {"uploadType": "resumable", "name": name}
            place = check(client.post(url, params=params)).headers["Location"]
            for first in (0, CHUNK):
                piece = data[first : first + CHUNK]
                span = f"bytes {first}-{first + len(piece) - 1}/{len(data)}"
                check(client.put(place, data=piece, headers={"Content-Range": span}))

    def _drop(self, client: requests.Session) -> None:
        """Delete an object, a model or an endpoint."""
        own = [name for kind in ("o", "models", "endpoints") for name in self._own(kind)]
        if own:
            name = self._dice.choice(own)
            with self._ledger.change(name, None):
                check(client.delete(url_of(name)))

    def _model(self, client: requests.Session) -> None:
        """Upload a model, or another version of one."""
        own = self._own("models")
        body: dict[str, Any] = {
            "model": {"displayName": "m", "containerSpec": {"imageUri": IMAGE}}
        }
        if own and self._dice.random() < 0.6:
            name = self._dice.choice(own)
            body["parentModel"] = f"{PLACE}/{name}"
        else:
            name = self._new("models")
            body["modelId"] = name.partition("/")[2]
        with self._ledger.change(name, (self._ledger.states.get(name) or 0) + 1):
            reply = check(client.post(f"{VERTEX}/{PLACE}/models:upload", json=body))
        with self._ledger.change(reply.json()["name"].removeprefix(f"{PLACE}/"), "there"):
            pass

    def _endpoint(self, client: requests.Session) -> None:
        """Make an endpoint, or change its labels."""
        own = self._own("endpoints")
        labels = {"number": str(self._dice.randrange(1000))}
        if own and self._dice.random() < 0.6:
            name = self._dice.choice(own)
            with self._ledger.change(name, labels):
                body = {"displayName": "e", "labels": labels}
                check(client.patch(url_of(name), params={"updateMask": "labels"}, json=body))
        else:
            name = self._new("endpoints")
            params = {"endpointId": name.partition("/")[2]}
            with self._ledger.change(name, labels):
                body = {"displayName": "e", "labels": labels}
                check(client.post(f"{VERTEX}/{PLACE}/endpoints", params=params, json=body))

    def _job(self, client: requests.Session) -> None:
        """Start a batch prediction job; only its answer says what it is called."""
        own = self._own("models")
        if own:
            body = {
                "displayName": "j",
                "model": f"{PLACE}/{self._dice.choice(own)}",
                "inputConfig": {
                    "instancesFormat": "jsonl",
                    "gcsSource": {"uris": [f"gs://{BUCKET}/none"]},
                },
                "outputConfig": {
                    "predictionsFormat": "jsonl",
                    "gcsDestination": {"outputUriPrefix": f"gs://{BUCKET}/out"},
                },
            }
            url = f"{VERTEX}/{PLACE}/batchPredictionJobs"
            made = check(client.post(url, json=body)).json()["name"]
            with self._ledger.change(made.removeprefix(f"{PLACE}/"), "there"):
                pass

    def _pipeline(self, client: requests.Session) -> None:
        """Start a run whose only step sleeps."""
        name = self._new("pipelineJobs")
        body = {"pipelineSpec": SLEEPER, "runtimeConfig": {"gcsOutputDirectory": "gs://runs"}}
        params = {"pipelineJobId": name.partition("/")[2]}
        with self._ledger.change(name, "there"):
            check(client.post(f"{VERTEX}/{PLACE}/pipelineJobs", params=params, json=body))


def check(reply: requests.Response) -> requests.Response:
    """Return a reply that is a success or asks for more."""
    assert reply.status_code in (200, 204, 308), f"{reply.status_code} {reply.text[:500]}"
    return reply


def url_of(name: str) -> str:
    """Return where a name of the ledger is found."""
    if name.startswith("o/"):
        return f"{STORAGE}/storage/v1/b/{BUCKET}/o/{name.replace('/', '%2F')}"
    return f"{VERTEX}/{PLACE}/{name}"
