"""The pipelines in Python that a project has of its own."""

import hashlib
import importlib.util
import sys
import traceback
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from batchpredict.errors import RunError, UsageError
from batchpredict.pipeline_files import unknown


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file, or with what was compiled from it.

    Attributes:
        path: The file.
        code: Of the message.
        message: What it is, and what to do.
    """

    path: Path
    code: str
    message: str


def source_files(folder: Path) -> dict[str, Path]:
    """Return the files of a folder that hold a pipeline each, by the pipeline's name."""
    return {
        path.stem: path
        for path in sorted(folder.glob("*.py"))
        if not path.name.startswith(("_", "."))
    }


def own_files(folder: Path, names: Sequence[str] = ()) -> dict[Path, Any]:
    """Return what compiles to which file, as the compiler takes it.

    Args:
        folder: The sources.
        names: Pipelines to keep; all when empty.

    Raises:
        UsageError: There is no pipeline of a name.
        RunError: A file cannot be imported or has no pipeline of its name: all of them are named.
    """
    known = list(source_files(folder))
    for name in names:
        if name not in known:
            raise UsageError("E101", unknown("pipeline", name, known))
    found, faults = load_sources(folder, names or known)
    if faults or not found:
        texts = [it.message for it in faults] or [f"there is no pipeline in {folder}"]
        raise RunError("E415", "; ".join(texts))
    return {Path(f"{name}.yaml"): it for name, it in found.items()}


def compare_sources(folder: Path, compiled: Path | None, names: Collection[str]) -> list[Fault]:
    """Return what is wrong with sources, and which compiled files are not theirs any more.

    Args:
        folder: The sources.
        compiled: What was compiled; None for the folder ``compiled`` beside the sources.
        names: The pipelines to look at.
    """
    if not names:
        return []
    from batchpredict.compiler import compile_text

    compiled = compiled or folder.parent / "compiled"
    files = source_files(folder)
    found, faults = load_sources(folder, names)
    for name, pipeline in found.items():
        try:
            text = compile_text(pipeline)
        except RunError as error:
            faults.append(Fault(files[name], error.code, error.message))
            continue
        path = compiled / f"{name}.yaml"
        if not path.is_file() or path.read_text(errors="replace") != text:
            message = f"{path} is not what it compiles to; run `batchpredict compile`"
            faults.append(Fault(files[name], "E122", message))
    return faults


def load_sources(folder: Path, names: Collection[str]) -> tuple[dict[str, Any], list[Fault]]:
    """Return the pipelines of these files by name, and what is wrong with the others."""
    found: dict[str, Any] = {}
    faults: list[Fault] = []
    with _importable(folder):
        for name, path in source_files(folder).items():
            if name not in names:
                continue
            try:
                found[name] = _pipeline(name, path)
            except RunError as error:
                faults.append(Fault(path, error.code, error.message))
    return found, faults


def _pipeline(name: str, path: Path) -> Any:
    from kfp.dsl.base_component import BaseComponent

    pipeline = getattr(_import(path), name, None)
    if not isinstance(pipeline, BaseComponent):
        raise RunError(
            "E415",
            f"{path} has no pipeline called {name}; give function and file one name, or let the "
            "file's name begin with _",
        )
    return pipeline


def _import(path: Path) -> ModuleType:
    """Import a file under a name that is nobody else's."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(f"own_{digest}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # it is anybody's code
        place = _line_of(error, path)
        raise RunError("E415", f"{place}: {type(error).__name__}: {error}") from error
    return module


def _line_of(error: BaseException, path: Path) -> str:
    """Return the file and the last of its lines that led to an error."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    return f"{path}:{lines[-1]}" if lines else str(path)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let the files import each other, and what stands beside their folder, and nothing stay."""
    places = [str(folder.resolve()), str(folder.resolve().parent)]
    before = set(sys.modules)
    sys.path[:0] = places
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # KFP and Google's packages warn about themselves
            yield
    finally:
        for place in places:
            sys.path.remove(place)
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(places[1]):
                del sys.modules[name]
