"""Decides how a command is run: in a forked copy of the warm parent, or by exec.

The shims import this module at every start of a command: keep its imports few.
"""

import os
from collections.abc import Mapping, Sequence

GCS_ROOT = "BATCHPREDICT_GCS_ROOT"
_HERE = os.path.dirname(os.path.realpath(__file__))
PIP_CHECK = os.path.join(_HERE, "pipcheck.py")
PREFIXED = os.path.join(_HERE, "prefixed.py")
_PYTHONS = ("python3", "python")
_PIPS = ("pip", "pip3")
SHIMS = (*_PYTHONS, *_PIPS)
# What these ask for is done in the forked process too; any other PYTHON* variable is read by
# the interpreter while it starts.
_HARMLESS = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")


class Settings:
    """What the server and the shims of one sandbox know.

    Attributes:
        python: The interpreter.
        bin: The folder of the shims.
        warm: Whether Python commands are forked from the preloaded parent.
        python_env: The PYTHON* variables the parent was started with.
    """

    def __init__(
        self, python: str, bin_dir: str, warm: bool, python_env: Mapping[str, str]
    ) -> None:
        self.python = python
        self.bin = bin_dir
        self.warm = warm
        self.python_env = {k: v for k, v in python_env.items() if _matters(k)}


def _matters(name: str) -> bool:
    return name.startswith("PYTHON") and name not in _HARMLESS


class PythonCommand:
    """The arguments of an interpreter, understood.

    Attributes:
        mode: ``-m``, ``-c`` or ``file``.
        target: The module, the code or the path.
        args: What the program gets.
        flags: Letters of the options before it: of ``u``, ``B`` and ``P``.
    """

    def __init__(self, mode: str, target: str, args: list[str], flags: str) -> None:
        self.mode = mode
        self.target = target
        self.args = args
        self.flags = flags


def _known_options(text: str) -> tuple[str, str, str] | None:
    """Splits ``-uBmname`` into the flags, the mode and what is glued to it."""
    for position, letter in enumerate(text):
        if letter in "mc":
            return text[:position], "-" + letter, text[position + 1 :]
        if letter not in "uBP":
            return None
    return text, "", ""


def parse(args: Sequence[str]) -> PythonCommand | None:
    """Understands the arguments of an interpreter.

    Returns:
        The command, or None when only the interpreter itself can say what they mean.
    """
    flags = ""
    rest = list(args)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        known = _known_options(rest.pop(0)[1:])
        if known is None:
            return None
        flags += known[0]
        if known[1]:
            rest = [known[2], *rest] if known[2] else rest
            return PythonCommand(known[1], rest[0], rest[1:], flags) if rest else None
    if not rest or not rest[0].endswith(".py") or not os.path.isfile(rest[0]):
        return None
    return PythonCommand("file", rest[0], rest[1:], flags)


def _python_args(argv: Sequence[str], settings: Settings) -> list[str] | None:
    """Returns the arguments of the interpreter, or None for a command of another kind."""
    folder, name = os.path.split(argv[0])
    if argv[0] == settings.python:
        return list(argv[1:])
    if folder in ("", settings.bin) and name in SHIMS:
        return [*(["-m", "pip"] if name in _PIPS else []), *argv[1:]]
    return None


def is_kfp(command: PythonCommand) -> bool:
    """Tells whether a command runs a module of KFP, such as its executor."""
    return command.mode == "-m" and command.target.split(".")[0] == "kfp"


def _same_interpreter(env: Mapping[str, str], settings: Settings) -> bool:
    return {k: v for k, v in env.items() if _matters(k)} == settings.python_env


def plan(
    argv: Sequence[str], env: Mapping[str, str], settings: Settings
) -> PythonCommand | list[str]:
    """Decides how to run a command, in its working directory.

    Args:
        argv: The command as it was given.
        env: Its environment.
        settings: Those of the sandbox.

    Returns:
        A Python command to run in a forked process, or the arguments to exec.
    """
    args = _python_args(argv, settings)
    if args is None:
        return list(argv)
    command = parse(args)
    if command and (command.mode, command.target) == ("-m", "pip"):
        args = ["-P", PIP_CHECK, *command.args]
        command = PythonCommand("file", PIP_CHECK, command.args, "P")
    if command and settings.warm and _same_interpreter(env, settings):
        return command
    if command and is_kfp(command) and GCS_ROOT in env:
        flags = [f"-{command.flags}"] if command.flags else []
        args = [*flags, "-P", PREFIXED, command.flags, command.target, *command.args]
    return [settings.python, *args]
