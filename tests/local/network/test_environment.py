"""What a step inherits, and where the variables lead real clients."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from batchpredict.local.network.environment import client_environment, scrubbed
from batchpredict.local.network.metadata import TOKEN
from batchpredict.local.session import LocalVertex

TIMEOUT = 120


@pytest.mark.parametrize(
    "name",
    [
        "GOOGLE_APPLICATION_CREDENTIALS",
        "CLOUDSDK_CONFIG",
        "CLOUDSDK_AUTH_ACCESS_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "HTTPS_PROXY",
        "no_proxy",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "LD_PRELOAD",
        "SSL_CERT_FILE",
        "STORAGE_EMULATOR_HOST",
    ],
)
def test_credentials_proxies_and_python_settings_are_dropped(name: str) -> None:
    assert scrubbed({name: "x", "PATH": "/bin", "HOME": "/h"}) == {"PATH": "/bin", "HOME": "/h"}


def test_without_an_argument_it_is_this_process_that_is_scrubbed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/secret.json")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    found = scrubbed()
    assert found["TZ"] == "Europe/Berlin"
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in found


def test_every_address_in_the_redirection_is_this_machine(tmp_path: Path) -> None:
    found = client_environment(
        proxy_port=1, metadata_port=2, authority=tmp_path, empty_folder=tmp_path, project="p"
    )
    addresses = {value for value in found.values() if ":" in value}
    assert addresses == {"http://127.0.0.1:1", "127.0.0.1:2"}


PLANTED = {
    "type": "service_account",
    "project_id": "the-real-one",
    "private_key_id": "1",
    "private_key": "none",
    "client_email": "real@the-real-one.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}
ASK_WHO_I_AM = """
import google.auth, google.auth.transport.requests as requests
credentials, project = google.auth.default()
credentials.refresh(requests.Request())
print(project, credentials.token, credentials.service_account_email)
"""


def test_planted_credentials_are_not_found_but_the_local_ones(
    vertex: LocalVertex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key.json"
    key.write_text(json.dumps(PLANTED))
    well_known = tmp_path / ".config" / "gcloud" / "application_default_credentials.json"
    well_known.parent.mkdir(parents=True)
    well_known.write_text(json.dumps(PLANTED))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    monkeypatch.setenv("HOME", str(tmp_path))
    run = subprocess.run(
        [sys.executable, "-c", ASK_WHO_I_AM],
        env={**scrubbed(), **vertex.environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    project = "local-project"
    email = f"local@{project}.iam.gserviceaccount.com"
    assert run.stdout.split() == [project, TOKEN, email], run.stderr


def test_a_client_that_was_not_told_the_authority_gets_no_answer(vertex: LocalVertex) -> None:
    bundles = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    told = {k: v for k, v in vertex.environment.items() if k not in bundles}
    code = "import requests; requests.get('https://storage.googleapis.com/storage/v1/b')"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**scrubbed(), **told},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert "CERTIFICATE_VERIFY_FAILED" in run.stderr


def test_a_host_that_is_not_google_s_is_denied_and_noted(vertex: LocalVertex) -> None:
    code = "import requests; requests.get('https://example.com/')"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**scrubbed(), **vertex.environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert "403" in run.stderr
    log = (vertex.home / "logs" / "requests.log").read_text()
    assert "DENIED example.com:443" in log
