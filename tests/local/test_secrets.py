"""Secret Manager on this machine: files that can be read, and nothing else."""

import base64
import json
from pathlib import Path

import pytest

from batchpredict.local.network.http import HttpRequest
from batchpredict.local.secrets import ACCESS, SecretApi, method

BASE = "/v1/projects/p/secrets"


def get(api: SecretApi, path: str, verb: str = "GET") -> tuple[int, dict[str, object]]:
    reply = api.handle(HttpRequest(verb, path))
    return reply.status, json.loads(reply.body)


def test_a_secret_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "hook").write_bytes(b"\x00text\n")
    path = f"{BASE}/hook/versions/3:access"
    assert method(HttpRequest("GET", path)) == ACCESS
    status, content = get(SecretApi(tmp_path), path)
    data = base64.b64encode(b"\x00text\n").decode()
    assert (status, content["payload"]) == (200, {"data": data})
    assert content["name"] == "projects/p/secrets/hook/versions/3"


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", f"{BASE}/absent/versions/latest:access", 404),
        ("GET", f"{BASE}/../versions/latest:access", 501),
        ("GET", f"{BASE}/..%2Fhook/versions/latest:access", 501),
        ("POST", f"{BASE}/hook/versions/latest:access", 501),
        ("GET", BASE, 501),
    ],
)
def test_nothing_else_is_read(tmp_path: Path, verb: str, path: str, status: int) -> None:
    (tmp_path / "hook").write_text("outside")
    folder = tmp_path / "secrets"
    folder.mkdir()
    assert get(SecretApi(folder), path, verb)[0] == status
    assert method(HttpRequest("POST", path)) == ""
