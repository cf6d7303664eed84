"""Ports of servers that do not listen yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchpredict.local.launch.process import Process
from batchpredict.local.serving.ports import Ports
from batchpredict.local.session import LocalVertex


@pytest.fixture
def process(vertex: LocalVertex, tmp_path: Path) -> Iterator[Process]:
    started = vertex.sandbox.spawn(["sleep", "99"], env={}, cwd=tmp_path, log=tmp_path / "log")
    yield started
    started.kill()


@pytest.fixture
def wanted(vertex: LocalVertex) -> int:
    with vertex.sandbox.open_socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_is_given_once(vertex: LocalVertex, process: Process, wanted: int) -> None:
    ports = Ports(vertex.sandbox)
    chosen = [ports.choose(wanted) for _ in range(3)]
    assert chosen[0] == wanted
    assert len(set(chosen)) == 3
    ports.give(wanted, process)
    assert ports.choose(wanted) != wanted
    process.kill()
    process.wait(30)
    assert ports.choose(wanted) == wanted


def test_a_port_that_another_program_has(vertex: LocalVertex, wanted: int) -> None:
    with vertex.sandbox.open_socket() as other:
        other.bind(("127.0.0.1", wanted))
        other.listen()
        assert Ports(vertex.sandbox).choose(wanted) not in (0, wanted)


def test_a_port_that_nobody_may_have(vertex: LocalVertex) -> None:
    assert 0 < Ports(vertex.sandbox).choose(70_000) < 65_536


def test_a_port_that_no_server_came_to_is_free_again(vertex: LocalVertex, wanted: int) -> None:
    ports = Ports(vertex.sandbox)
    assert ports.choose(wanted) == wanted
    ports.release(wanted)
    assert ports.choose(wanted) == wanted
