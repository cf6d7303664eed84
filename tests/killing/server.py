"""The process of the services, to be killed and started again."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import requests

SERVER = """
import json, os, signal, sys
from pathlib import Path

import batchpredict.local.assembly
from batchpredict.local.session import local_vertex
from batchpredict.local.settings import LocalSettings

for line in sys.stdin:  # one session each; forked, so that nothing is imported again
    if os.fork() == 0:
        with local_vertex(Path(line.strip()), LocalSettings(warm=False, isolate=False)) as vertex:
            told = {"pid": os.getpid(), "recovered": vertex.recovered}
            print(json.dumps({**told, "environment": vertex.environment}), flush=True)
            signal.pause()
    os.wait()
    print("ended", flush=True)
"""


class Server:
    """The process that holds the services; it can be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._pid = 0
        self.recovered: list[str] = []
        self.environment: dict[str, str] = {}

    def start(self) -> None:
        """Start a session, and wait until it answers."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self.home}\n")
        self._process.stdin.flush()
        told = json.loads(self._line())
        self._pid, self.recovered = told["pid"], told["recovered"]
        self.environment = told["environment"]

    def kill(self) -> None:
        """Kill the session as nobody can catch it."""
        os.kill(self._pid, signal.SIGKILL)
        assert self._line() == "ended\n"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def close(self) -> None:
        """End the session and the process that it was forked from."""
        with self._process:
            if self._pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
            self._process.kill()

    def client(self) -> requests.Session:
        """Return a client that reaches the services as any program on this machine does."""
        session = requests.Session()
        session.trust_env = False
        session.proxies = {"https": self.environment["HTTPS_PROXY"]}
        session.verify = self.environment["REQUESTS_CA_BUNDLE"]
        return session
