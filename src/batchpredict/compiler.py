"""Compile pipelines and components, and check that each carries all that it names."""

import builtins
import difflib
import importlib
import pkgutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from kfp.compiler import Compiler
from kfp.dsl.base_component import BaseComponent

import batchpredict.components
import batchpredict.pipelines
from batchpredict.carrying import MAX_SOURCE_BYTES, names_used
from batchpredict.errors import RunError, UsageError
from batchpredict.pipeline_files import unknown


def discover(package: ModuleType) -> dict[str, BaseComponent]:
    """Return the component or pipeline of every module of ``package`` by name.

    Raises:
        RunError: A module has no component of its own name.
    """
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        component = getattr(
            importlib.import_module(f"{package.__name__}.{module.name}"), module.name, None
        )
        if not isinstance(component, BaseComponent):
            raise RunError("E120", f"{package.__name__}.{module.name} has no such component")
        found[module.name] = component
    return found


def golden_files(names: tuple[str, ...] = ()) -> dict[Path, BaseComponent]:
    """Return what belongs into ``compiled/``, by path relative to it.

    Args:
        names: Pipelines and components to keep; all when empty.

    Raises:
        UsageError: There is no pipeline or component of a name.
    """
    pipelines = discover(batchpredict.pipelines)
    components = discover(batchpredict.components)
    for name in names:
        if name not in pipelines and name not in components:
            raise UsageError(
                "E101", unknown("pipeline or component", name, [*pipelines, *components])
            )
    files = {Path(f"{name}.yaml"): it for name, it in pipelines.items()}
    files |= {Path("components") / f"{name}.yaml": it for name, it in components.items()}
    return {path: it for path, it in files.items() if not names or path.stem in names}


def compile_text(component: BaseComponent) -> str:
    """Return the YAML of a pipeline or component.

    Raises:
        RunError: A step in it names something that it does not carry.
    """
    check_self_contained(component)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "compiled.yaml"
        Compiler().compile(component, str(path))
        return path.read_text()


def check_self_contained(component: BaseComponent) -> None:
    """Refuse a step that would fail with a NameError on another machine, or is too long to start.

    Raises:
        RunError: One line for each step and what it lacks.
    """
    faults = []
    for name, source in embedded_sources(component).items():
        missing = sorted(undefined_names(source))
        if missing:
            faults.append(f"{name} does not carry {', '.join(missing)}")
        size = len(source.encode())
        if size > MAX_SOURCE_BYTES:
            faults.append(
                f"{name} is {size:,} bytes long; a step starts up to {MAX_SOURCE_BYTES:,}"
            )
    if faults:
        raise RunError("E121", "; ".join(faults))


def embedded_sources(component: BaseComponent) -> dict[str, str]:
    """Return the Python source that each lightweight step carries, by executor name."""
    executors = component.pipeline_spec.deployment_spec["executors"].items()
    commands = {
        name: list(it["container"]["command"]) for name, it in executors if "container" in it
    }
    return {
        name: command[-1]
        for name, command in commands.items()
        if command and "def " in command[-1]
    }


def undefined_names(source: str) -> set[str]:
    """Return the globals that ``source`` reads but does not define when it runs on its own."""
    namespace: dict[str, Any] = {}
    module = compile(source, "<component>", "exec")
    try:
        exec(module, namespace)
    except NameError as error:  # a default or an annotation: evaluated when the source is loaded
        return {str(error.name)}
    read, stored = names_used(module)
    return read - stored - namespace.keys() - set(dir(builtins))


def write_compiled(folder: Path, files: Mapping[Path, BaseComponent]) -> list[Path]:
    """Compile ``files`` into ``folder``; return those that changed."""
    changed = []
    for relative, component in files.items():
        text, path = compile_text(component), folder / relative
        if not path.is_file() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            changed.append(path)
    return changed


def differences(
    folder: Path, files: Mapping[Path, BaseComponent], known: Collection[Path]
) -> list[str]:
    """Return a unified diff for each file of ``folder`` that compiling would change.

    Args:
        folder: Where compiled files are.
        files: What to compile, by path in the folder.
        known: All paths that belong there; another YAML file is a difference too.
    """
    found = []
    for relative, component in files.items():
        path = folder / relative
        old, new = path.read_text() if path.is_file() else "", compile_text(component)
        if old == new:  # as nearly always; to compare line by line takes its time
            continue
        names = (f"{folder.name}/{relative}", f"{folder.name}/{relative} (compiled now)")
        found.append(
            "".join(difflib.unified_diff(old.splitlines(True), new.splitlines(True), *names))
        )
    present = {path.relative_to(folder) for path in folder.rglob("*.yaml")}
    found += [
        f"{folder.name}/{path} belongs to no pipeline or component\n"
        for path in sorted(present - set(known))
    ]
    return [text for text in found if text]
