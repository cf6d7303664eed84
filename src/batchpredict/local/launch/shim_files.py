"""The files on the PATH of a step that stand for ``python3`` and ``pip``.

They are written when a sandbox starts, because only then the path of the interpreter is known.
"""

import sys
from pathlib import Path

from batchpredict.local.launch.plan import SHIMS, Settings

_LONGEST_SHEBANG = 120
# The exec line is a string to Python and a command to sh, which has no limit and takes spaces.
_TEMPLATE = """{first}
import sys
sys.path.append({package!r})
from batchpredict.local.launch import shim
from batchpredict.local.launch.plan import Settings
shim.main({name!r}, {socket!r}, Settings({python!r}, {bin!r}, {warm!r}, {python_env!r}))
"""


def _first_line(python: str) -> str:
    if len(python) <= _LONGEST_SHEBANG and not any(c.isspace() for c in python):
        return f"#!{python} -IS"
    quoted = python.replace("'", "'\"'\"'")
    return f"#!/bin/sh\n'''exec' '{quoted}' -IS \"$0\" \"$@\"\n'''"


def write(settings: Settings, socket_path: str) -> None:
    """Writes the shims of a sandbox to its folder."""
    package = Path(sys.modules["batchpredict"].__file__ or "").parent
    for name in SHIMS:
        text = _TEMPLATE.format(
            first=_first_line(settings.python),
            package=str(package.parent),
            name=name,
            socket=socket_path,
            python=settings.python,
            bin=settings.bin,
            warm=settings.warm,
            python_env=settings.python_env,
        )
        path = Path(settings.bin, name)
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        path.chmod(0o700)
