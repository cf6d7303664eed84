"""Verbs of the command line, each run as it would be typed, against the services of a session.

gRPC reads its roots and its proxy once per process, so that the verbs cannot run in pytest's own.
One child process has the environment of the services and the command line loaded, and runs what
it is told, one verb after the other; its end of the talk is ``serve`` below. A verb that must be
killed gets a process of its own from ``spawn``.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT = 120.0
COMMAND = "from batchpredict.cli import main; main()"
LOCAL = {
    "BATCHPREDICT_PROJECT": "local-project",
    "BATCHPREDICT_LOCATION": "us-central1",
    "BATCHPREDICT_PIPELINE_ROOT": "gs://local-pipelines",
}
"""What a verb must know to reach the services without a configuration file."""


@dataclass(frozen=True)
class Result:
    """What a verb came to.

    Attributes:
        code: Its exit code.
        stdout: What it wrote there.
        stderr: The same.
    """

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """What it wrote for programs."""
        return json.loads(self.stdout)


class Verbs:
    """Runs verbs in a child process.

    Args:
        environment: What leads Google's clients to the services.
        folder: An empty folder to work in unless another is named.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
        self._environment = {**kept, **environment}
        self._folder = folder
        self._child: subprocess.Popen[str] | None = None

    def __call__(
        self,
        *arguments: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float = TIMEOUT,
    ) -> Result:
        """Run a verb and return what it came to.

        Args:
            arguments: What is typed behind ``batchpredict``.
            cwd: The working folder; an empty one unless named.
            env: Variables beside those that lead to the services; "" takes one away.
            stdin: What is typed while it runs.
            timeout: Seconds after which it counts as hung.
        """
        if self._child is None:
            self._child = self._start()
        order = {
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(cwd or self._folder),
            "env": dict(env or {}),
            "stdin": stdin,
        }
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()
        ready, _, _ = select.select([self._child.stdout], [], [], timeout)
        line = self._child.stdout.readline() if ready else ""
        if not line:
            self.close()
            raise AssertionError(f"{arguments} did not end within {timeout} s, or ended the child")
        return Result(**json.loads(line))

    def _start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, __file__],
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def spawn(
        self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """Start a verb in a process of its own, which the test waits for or kills."""
        wanted = {**self._environment, **(env or {})}
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, *map(str, arguments)],
            env={name: value for name, value in wanted.items() if value},
            cwd=cwd or self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


def serve() -> None:
    """Run the verbs that standard input names; answer each with one line."""
    with os.fdopen(os.dup(1), "w") as answers:
        orders = os.fdopen(os.dup(0))
        for line in orders:
            print(json.dumps(_run(json.loads(line))), file=answers, flush=True)


def _run(order: Mapping[str, Any]) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(_environment(order["env"]))
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        files[0].write(order["stdin"].encode())
        files[0].seek(0)
        os.chdir(order["cwd"])
        with _streams(*[file.fileno() for file in files]):
            code = _call(order["arguments"])
        texts = []
        for file in files[1:]:
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return {"code": code, "stdout": texts[0], "stderr": texts[1]}


@contextlib.contextmanager
def _environment(extra: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(extra)
    for name in [name for name, value in extra.items() if not value]:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _streams(*descriptors: int) -> Iterator[None]:
    """Put these in the place of the standard streams, as a shell does."""
    before = [os.dup(number) for number in range(3)]
    python = sys.stdin, sys.stdout, sys.stderr
    try:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdin, sys.stdout, sys.stderr = python
        for number, descriptor in enumerate(before):
            os.dup2(descriptor, number)
            os.close(descriptor)


def _call(arguments: list[str]) -> int:
    from batchpredict.cli import main

    sys.argv = ["batchpredict", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


if __name__ == "__main__":
    serve()
