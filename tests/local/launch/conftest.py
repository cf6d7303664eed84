"""Sandboxes that are closed after the test."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from batchpredict.local.launch.sandbox import Sandbox

ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
REFUSED = re.compile("(unshare|setgroups|[ug]id_map|mount): |does not have them")
Start = Callable[..., Sandbox]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Sandbox] = []

    def begin(name: str = "a", **options: Any) -> Sandbox:
        options = {"env": ENV, "work": tmp_path / name / "work", **options}
        sandbox = Sandbox.start(store=tmp_path / name / "store", **options)
        started.append(sandbox)
        if options.get("isolate", True) and not sandbox.isolated:
            assert REFUSED.search(sandbox.notes[0]), sandbox.notes
            pytest.skip(sandbox.notes[0])
        return sandbox

    yield begin
    for sandbox in started:
        sandbox.close()
