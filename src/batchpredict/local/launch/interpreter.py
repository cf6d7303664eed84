"""Runs a Python command in this forked process as a fresh interpreter would."""

import _io
import atexit
import builtins
import contextlib
import gc
import importlib
import io
import os
import random
import runpy
import signal
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable
from importlib.machinery import BuiltinImporter, SourceFileLoader
from typing import NoReturn

from . import linux
from .plan import GCS_ROOT, PythonCommand, is_kfp
from .prefixed import set_prefix

_replaced: list[io.TextIOWrapper] = []  # the standard streams from before the fork


def run(command: PythonCommand) -> NoReturn:
    """Runs a command and ends this process with its exit code."""
    _prepare(command)
    main = _new_main()
    code = _guarded(lambda: _execute(command, main))
    code = _finish(code, main)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)


def _prepare(command: PythonCommand) -> None:
    """Sets what an interpreter reads from its environment and options."""
    gc.enable()
    _new_streams("u" in command.flags or bool(os.environ.get("PYTHONUNBUFFERED")))
    no_bytecode = os.environ.get("PYTHONDONTWRITEBYTECODE")
    sys.dont_write_bytecode = "B" in command.flags or bool(no_bytecode)
    time.tzset()
    random.seed()
    if numpy := sys.modules.get("numpy.random"):
        numpy.seed()
    importlib.invalidate_caches()
    if GCS_ROOT in os.environ and is_kfp(command):
        set_prefix(os.environ[GCS_ROOT])


def _new_streams(unbuffered: bool) -> None:
    """Opens the standard streams anew: the old ones may remember what kind of file they had."""
    reader = io.BufferedReader(io.FileIO(0, closefd=False))
    old = sys.__stdin__ or sys.stdin
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(reader, old.encoding, old.errors)  # type: ignore[misc]
    for number, name in ((1, "stdout"), (2, "stderr")):
        old = getattr(sys, f"__{name}__")
        # A log handler made while preloading keeps the old stream, which writes to the same file.
        old.reconfigure(line_buffering=True)
        _replaced.append(old)
        raw = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
        new = io.TextIOWrapper(raw, old.encoding, old.errors, line_buffering=True)
        new.reconfigure(write_through=unbuffered)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


def _new_main() -> types.ModuleType:
    main = types.ModuleType("__main__")
    vars(main).update(__builtins__=builtins, __annotations__={}, __loader__=BuiltinImporter)
    sys.modules["__main__"] = main
    return main


def _execute(command: PythonCommand, main: types.ModuleType) -> None:
    sys.argv = [command.target if command.mode == "file" else command.mode, *command.args]
    sys.orig_argv = [sys.executable, *_original(command)]
    if command.mode == "-m":
        _put_on_path(command, os.getcwd())
        _forget(command.target)
        runpy._run_module_as_main(command.target)  # type: ignore[attr-defined]
    elif command.mode == "-c":
        _put_on_path(command, "")
        exec(compile(command.target, "<string>", "exec", dont_inherit=True), vars(main))
    else:
        _run_file(command, main)


def _original(command: PythonCommand) -> list[str]:
    flags = [f"-{command.flags}"] if command.flags else []
    mode = [] if command.mode == "file" else [command.mode]
    return [*flags, *mode, command.target, *command.args]


def _put_on_path(command: PythonCommand, folder: str) -> None:
    if "P" not in command.flags:
        sys.path.insert(0, folder)


def _forget(name: str) -> None:
    """Lets runpy load a module that was preloaded, without its warning that this was done."""
    module = sys.modules.get(name)
    if module is not None and not hasattr(module, "__path__"):
        del sys.modules[name]


def _run_file(command: PythonCommand, main: types.ModuleType) -> None:
    path = os.path.abspath(command.target)
    _put_on_path(command, os.path.dirname(os.path.realpath(path)))
    with io.open_code(path) as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    loader = SourceFileLoader("__main__", path)
    vars(main).update(__file__=path, __cached__=None, __loader__=loader)
    exec(code, vars(main))


def _guarded(step: Callable[[], None]) -> int:
    """Runs a step and returns the exit code an interpreter would give, negative for a signal."""
    try:
        step()
    except SystemExit as error:
        return _code_of(error)
    except BaseException as error:
        _report(error)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _code_of(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    with contextlib.suppress(Exception):
        print(error.code, file=sys.stderr)
    return 1


def _report(error: BaseException) -> None:
    """Shows a traceback without the frames of this module."""
    frame = error.__traceback__
    while frame and frame.tb_frame.f_code.co_filename == __file__:
        frame = frame.tb_next
    error.__traceback__ = frame
    try:
        sys.excepthook(type(error), error, frame)
    except BaseException:
        traceback.print_exc()


def _finish(code: int, main: types.ModuleType) -> int:
    """Does what an interpreter does at its end, short of taking all modules apart.

    Tearing down the preloaded modules would copy the pages shared with the parent.
    """
    _guarded(threading._shutdown)  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if threading.active_count() == 1:
        vars(main).clear()
        gc.collect()
    _write_out_files()
    linux.flush_libc()
    for stream in (sys.stdout, sys.stderr, *_replaced):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            code = 120
    return code


def _rank(file: object) -> int:
    """Orders files so that each comes before the one it writes to; 3 has no buffer."""
    if isinstance(file, _io._TextIOBase):
        return 0
    if isinstance(file, (io.BufferedWriter, io.BufferedRandom)):
        return 2
    builtin = isinstance(file, (_io._RawIOBase, io.BufferedReader, io.BytesIO))
    return 3 if builtin else 1


def _write_out_files() -> None:
    """Writes out files the program left open; an interpreter does so when it drops them."""
    found = [o for o in gc.get_objects() if issubclass(type(o), _io._IOBase)]
    for rank in range(3):
        for file in found:
            with contextlib.suppress(Exception):
                if _rank(file) == rank:
                    # An archive such as GzipFile has an end of its own to write.
                    file.close() if rank == 1 else file.flush()
