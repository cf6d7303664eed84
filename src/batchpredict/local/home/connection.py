"""How clients of other processes find the server of a home folder."""

import contextlib
import datetime
import http.client
import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from batchpredict.errors import EnvironmentFault
from batchpredict.local.files import write_whole
from batchpredict.local.home.folder import user_of

NOTE = "connection.json"
ANSWER_TIMEOUT = 5.0
MISLEADING = (
    "BIGQUERY_EMULATOR_HOST",
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "GOOGLE_API_USE_MTLS_ENDPOINT",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_UNIVERSE_DOMAIN",
    "STORAGE_EMULATOR_HOST",
)
"""Variables that would lead a client elsewhere, or let it read credentials of its user."""


@dataclass(frozen=True)
class Connection:
    """A server that runs over a home folder.

    Attributes:
        pid: Its process.
        since: When it was ready, in UTC.
        environment: Variables that lead a client to it.
    """

    pid: int
    since: str
    environment: Mapping[str, str]

    @property
    def proxy_port(self) -> int:
        """Port of the proxy, which leads every Google client to the services."""
        return int(self.environment["HTTPS_PROXY"].rpartition(":")[2])

    @property
    def plain_port(self) -> int:
        """Port of the services without TLS: storage, metadata, faults."""
        return int(self.environment["GCE_METADATA_HOST"].rpartition(":")[2])


@contextlib.contextmanager
def published(home: Path, environment: Mapping[str, str]) -> Iterator[Connection]:
    """Let clients find this process for as long as the block lasts."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    connection = Connection(os.getpid(), now, dict(environment))
    write_whole(home / NOTE, json.dumps(asdict(connection), indent=2) + "\n")
    try:
        yield connection
    finally:
        (home / NOTE).unlink(missing_ok=True)


def find_server(home: Path) -> Connection | None:
    """Return the server of a home folder, or None when none runs: a note left behind is none."""
    connection = _read(home / NOTE)
    if connection is None or user_of(home) != connection.pid:
        return None
    return connection if _answers(connection.plain_port) else None


def require_server(home: Path) -> Connection:
    """Return the server of a home folder.

    Raises:
        EnvironmentFault: None runs (E307).
    """
    connection = find_server(home)
    if connection is None:
        user = user_of(home)
        used = f" (process {user}, which is no server, uses it)" if user else ""
        raise EnvironmentFault(
            "E307",
            f"no server runs over the home folder {home}{used}; start one with "
            f"`batchpredict local up --home {shlex.quote(str(home))}`",
        )
    return connection


def _read(path: Path) -> Connection | None:
    try:
        connection = Connection(**json.loads(path.read_text()))
        return connection if connection.proxy_port and connection.plain_port else None
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None


def _answers(port: int) -> bool:
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT)
    ) as client:
        try:
            client.request("GET", "/", headers={"Metadata-Flavor": "Google"})
            return client.getresponse().headers["Metadata-Flavor"] == "Google"
        except (OSError, http.client.HTTPException):
            return False


def export_lines(connection: Connection, shell: str) -> list[str]:
    """Return the lines that lead a shell, and all that it starts, to a server.

    Args:
        connection: The server.
        shell: One of :data:`SHELLS`.
    """
    unset, assign = SHELLS[shell]
    lines = [unset(name) for name in MISLEADING]
    return lines + [assign(name, value) for name, value in connection.environment.items()]


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


SHELLS: dict[str, tuple[Callable[[str], str], Callable[[str, str], str]]] = {
    "bash": (
        lambda name: f"unset {name}",
        lambda name, value: f"export {name}={shlex.quote(value)}",
    ),
    "fish": (
        lambda name: f"set -e {name}",
        lambda name, value: f"set -gx {name} {_fish(value)}",
    ),
    "powershell": (
        lambda name: f"Remove-Item Env:{name} -ErrorAction Ignore",
        lambda name, value: f"$env:{name} = {_powershell(value)}",
    ),
}
"""How each shell unsets and sets a variable; ``bash`` serves sh, dash and zsh too."""
