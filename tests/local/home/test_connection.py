"""How a client finds the server of a home folder."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from batchpredict.local.home.connection import (
    NOTE,
    Connection,
    export_lines,
    find_server,
    published,
)
from batchpredict.local.home.folder import lock_home, user_of
from batchpredict.local.network.environment import client_environment
from batchpredict.local.session import LocalVertex

ODD = "a 'b' \"c\" $d `e` \\f"


def test_a_session_is_found_while_it_is_published(vertex: LocalVertex) -> None:
    assert find_server(vertex.home) is None
    with published(vertex.home, vertex.environment) as connection:
        assert find_server(vertex.home) == connection
        assert connection.pid == os.getpid() == user_of(vertex.home)
        assert vertex.environment["GCE_METADATA_HOST"] == f"127.0.0.1:{connection.plain_port}"
    assert find_server(vertex.home) is None
    assert not (vertex.home / NOTE).exists()


def test_a_note_without_its_process_is_no_server(vertex: LocalVertex, tmp_path: Path) -> None:
    """The server is there and answers, but nobody holds this home."""
    (tmp_path / "lock").write_text(str(os.getpid()))
    with published(tmp_path, vertex.environment):
        assert find_server(tmp_path) is None
        with lock_home(tmp_path):
            assert find_server(tmp_path) is not None


def test_a_note_of_another_process_is_no_server(vertex: LocalVertex, tmp_path: Path) -> None:
    with lock_home(tmp_path), published(tmp_path, vertex.environment):
        note = tmp_path / NOTE
        note.write_text(note.read_text().replace(f'"pid": {os.getpid()}', '"pid": 1'))
        assert find_server(tmp_path) is None


def test_a_port_that_does_not_answer_is_no_server(tmp_path: Path) -> None:
    environment = client_environment(
        proxy_port=1, metadata_port=1, authority=tmp_path, empty_folder=tmp_path, project="p"
    )
    with lock_home(tmp_path), published(tmp_path, environment):
        assert find_server(tmp_path) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"pid": 1, "since": "", "environment": 3}']
)
def test_a_damaged_note_is_no_server(tmp_path: Path, text: str) -> None:
    (tmp_path / NOTE).write_text(text)
    with lock_home(tmp_path):
        assert find_server(tmp_path) is None


def test_a_home_that_is_not_there_has_no_user(tmp_path: Path) -> None:
    assert user_of(tmp_path / "nothing") is None
    assert find_server(tmp_path / "nothing") is None


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_values_are_quoted_for_the_shell(shell: str) -> None:
    lines = export_lines(Connection(1, "", {"ODD": ODD}), "bash")
    script = "\n".join([*lines, 'printf "%s" "$ODD" "${STORAGE_EMULATOR_HOST-unset}"'])
    environment = {**os.environ, "STORAGE_EMULATOR_HOST": "x"}
    done = subprocess.run(
        [shell, "-euc", script], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == f"{ODD}unset"


def test_values_are_quoted_for_fish_and_powershell() -> None:
    connection = Connection(1, "", {"ODD": "it's \\ so"})
    assert export_lines(connection, "fish")[-1] == r"set -gx ODD 'it\'s \\ so'"
    assert export_lines(connection, "powershell")[-1] == r"$env:ODD = 'it''s \ so'"


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_takes_them() -> None:
    lines = export_lines(Connection(1, "", {"ODD": ODD}), "fish")
    script = "\n".join([*lines, 'printf "%s" "$ODD"'])
    done = subprocess.run(["fish", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == ODD
