"""Interpreters with other packages than this one, and environments that are made for an image."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from google.rpc import code_pb2

from batchpredict.local.files import write_whole
from batchpredict.local.launch.sandbox import Sandbox
from batchpredict.local.network.environment import scrubbed
from batchpredict.local.vertex.errors import ServiceError

WHOLE = "batchpredict-packages.txt"  # written last: a folder without it was left half done
PROBE = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""
PROBE_SECONDS = 60.0
PIP = ("--no-input", "--disable-pip-version-check", "--retries", "2")
HANDED_ON = ("http_proxy", "https_proxy", "no_proxy", "ssl_cert_file", "requests_ca_bundle")


class Environments:
    """The interpreters that model servers run in.

    Args:
        sandbox: Where an interpreter is asked for its packages.
        folder: Where environments are made; they are kept for later sessions.
        logs: Gets a log of each.
    """

    def __init__(self, sandbox: Sandbox, folder: Path, logs: Path) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._logs = logs
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def versions(self, python: Path | None, names: Sequence[str]) -> dict[str, str]:
        """Return the versions of those packages of ``names`` that are installed.

        Args:
            python: The interpreter; None for the one of this program.
            names: The packages.

        Raises:
            ServiceError: FAILED_PRECONDITION, the interpreter does not run.
        """
        if python is None:
            return _own_versions(names)
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"packages-{hashlib.sha256(str(python).encode()).hexdigest()[:12]}.log"
        log.unlink(missing_ok=True)
        command = (str(python), "-I", "-c", PROBE, *names)
        process = self._sandbox.spawn(command, env=scrubbed(), cwd=self._logs, log=log)
        try:
            process.wait(PROBE_SECONDS)
            found: dict[str, str] = json.loads(log.read_text().splitlines()[-1])
            return found
        except (TimeoutError, ValueError, IndexError) as error:
            process.kill()
            message = f"E337 {python} does not say which packages it has (log: {log})"
            raise ServiceError(code_pb2.FAILED_PRECONDITION, message) from error

    def made_of(self, packages: Sequence[str]) -> Path:
        """Return the interpreter of an environment with ``packages``, which is made if need be.

        Raises:
            ServiceError: FAILED_PRECONDITION, it cannot be made.
        """
        digest = _digest(packages)
        folder = self._folder / digest
        with self._locks[digest]:
            if not (folder / WHOLE).is_file():
                self._make(folder, packages)
        return folder / "bin" / "python"

    def _make(self, folder: Path, packages: Sequence[str]) -> None:
        """Make an environment where it stays: its scripts hold its path."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"environment-{folder.name}.log"
        log.unlink(missing_ok=True)
        _run((sys.executable, "-m", "venv", str(folder)), log, packages)
        install(folder / "bin" / "python", packages, log)
        write_whole(folder / WHOLE, "".join(f"{name}\n" for name in packages))


def install(python: Path, packages: Sequence[str], log: Path) -> None:
    """Install packages with the pip of an environment.

    Raises:
        ServiceError: FAILED_PRECONDITION, pip did not succeed.
    """
    _run((str(python), "-I", "-m", "pip", "install", *PIP, *packages), log, packages)


def _own_versions(names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _digest(packages: Sequence[str]) -> str:
    """Return what tells an environment from others: its packages and the Python that makes it."""
    made_by = (sys.implementation.cache_tag, platform.machine(), sys.base_prefix)
    return hashlib.sha256(json.dumps([made_by, sorted(packages)]).encode()).hexdigest()[:16]


def _run(command: Sequence[str], log: Path, packages: Sequence[str]) -> None:
    with log.open("a") as output:
        done = subprocess.run(
            command,
            env=pip_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        text = log.read_text(errors="replace")
        message = (
            f"E338 an environment with {', '.join(packages)} could not be made: "
            f"{_reason(text)} (log: {log})"
        )
        raise ServiceError(code_pb2.FAILED_PRECONDITION, message)


def pip_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what pip gets of this program's variables: its own settings and the proxies."""
    kept = {
        name: value
        for name, value in environment.items()
        if name.startswith("PIP_") or name.lower() in HANDED_ON
    }
    return {**scrubbed(environment), **kept}


def _reason(log: str) -> str:
    """Return why pip failed, in one line."""
    if "Retrying (" in log:
        return "the package index cannot be reached from here"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["no output"])[-1][:500]
