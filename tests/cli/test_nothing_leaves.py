"""Nothing leaves the machine, and no credential of the user's gets into a file."""

import json
import re
import socket
from pathlib import Path

from helpers import ROOT, run_command

SECRET = "PLANTED-SECRET-9f1c"
GOOGLE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.googleapis\.com")


def plant(folder: Path, canary: int) -> dict[str, str]:
    """Write what a careless machine has: keys, a gcloud login, proxies; return its variables."""
    key = folder / "key.json"
    user = {
        "type": "authorized_user",
        "client_id": SECRET,
        "client_secret": SECRET,
        "refresh_token": SECRET,
        "token_uri": f"http://127.0.0.1:{canary}/token",
    }
    key.write_text(json.dumps(user))
    for login in (folder / "gcloud", folder / "home" / ".config" / "gcloud"):
        login.mkdir(parents=True)
        (login / "application_default_credentials.json").write_text(json.dumps(user))
        (login / "active_config").write_text("default")
    proxy = f"http://{SECRET}:x@127.0.0.1:{canary}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "grpc_proxy")
    return {
        **dict.fromkeys(names, proxy),
        "GOOGLE_APPLICATION_CREDENTIALS": str(key),
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "HOME": str(folder / "home"),
        "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{canary}",
        "GOOGLE_CLOUD_PROJECT": SECRET,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


def test_no_request_and_no_secret_gets_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)
        (tmp_path / "planted").mkdir()
        run = run_command(
            tmp_path / "run",
            *(
                "-p",
                f"dataset_uri={ROOT / 'examples/penguins.csv'}",
                "-p",
                "target_column=species",
            ),
            env=plant(tmp_path / "planted", canary.getsockname()[1]),
        )
        assert run.exit_code == 0, run.stderr
        try:
            connection, _ = canary.accept()
        except BlockingIOError:
            connection = None
        assert connection is None, "something followed the planted proxy or token address"
    assert SECRET not in run.stdout + run.stderr
    files = [path for path in run.home.rglob("*") if path.is_file()]
    assert len(files) > 30
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    lines = (run.home / "logs" / "requests.log").read_text().splitlines()
    targets = {line.split()[2].partition("/")[0].removesuffix(":443") for line in lines}
    assert all(it == "127.0.0.1" or GOOGLE.fullmatch(it) for it in targets), targets
    assert not any("DENIED" in line for line in lines)
