"""The emulated metadata server, key by key."""

import json

import pytest

from batchpredict.local.network.http import HttpRequest
from batchpredict.local.network.metadata import TOKEN, MetadataServer

ROOT = "/computeMetadata/v1"
FLAVOR = {"metadata-flavor": "Google"}


@pytest.fixture
def server() -> MetadataServer:
    return MetadataServer("my-project", "europe-west4")


def get(server: MetadataServer, path: str) -> str:
    reply = server.handle(HttpRequest("GET", path, (), FLAVOR))
    assert reply.status == 200
    assert reply.headers["Metadata-Flavor"] == "Google"
    return reply.body.decode()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("project/project-id", "my-project"),
        ("universe/universe-domain", "googleapis.com"),
        ("instance/zone", "projects/123456789012/zones/europe-west4-a"),
        (
            "instance/service-accounts/default/email",
            "local@my-project.iam.gserviceaccount.com",
        ),
    ],
)
def test_a_known_key(server: MetadataServer, key: str, text: str) -> None:
    assert get(server, f"{ROOT}/{key}") == text


@pytest.mark.parametrize("account", ["default", "local@my-project.iam.gserviceaccount.com"])
def test_the_account_and_its_worthless_token(server: MetadataServer, account: str) -> None:
    path = f"{ROOT}/instance/service-accounts/{account}"
    assert json.loads(get(server, f"{path}/token"))["access_token"] == TOKEN
    assert json.loads(get(server, f"{path}/"))["email"].startswith("local@")


@pytest.mark.parametrize("key", ["instance/attributes/startup-script", "nothing"])
def test_an_unknown_key_is_404(server: MetadataServer, key: str) -> None:
    assert server.handle(HttpRequest("GET", f"{ROOT}/{key}", (), FLAVOR)).status == 404


@pytest.mark.parametrize(
    ("path", "headers", "meant"),
    [
        ("/", FLAVOR, True),
        ("/", {}, False),
        (f"{ROOT}/x", {}, True),
        ("/storage/v1/b", FLAVOR, False),
    ],
)
def test_which_requests_are_meant_for_it(path: str, headers: dict[str, str], meant: bool) -> None:
    assert MetadataServer.serves(HttpRequest("GET", path, (), headers)) is meant
