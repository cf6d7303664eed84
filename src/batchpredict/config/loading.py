"""Make the settings of a command: flag before variable before file before default."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from batchpredict.config.reading import find_file, read_file
from batchpredict.config.settings import FLAGS, PREFIX, SCALARS, Settings
from batchpredict.errors import UsageError
from batchpredict.pipeline_files import unknown

BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def load_settings(
    environment: str | None, file: Path | None, flags: Mapping[str, Any]
) -> Settings:
    """Return what holds: a flag before ``BATCHPREDICT_…`` before the file before the default.

    Args:
        environment: What ``--env`` names; None takes that of BATCHPREDICT_ENV, "" takes none.
        file: What ``--config`` names; None looks into the working folder.
        flags: Values by setting, such as ``project``; None when a flag is not given.

    Raises:
        UsageError: The file, a variable or a flag is wrong (E410), or there is no such
            environment (E412).
    """
    path = config_file(file)
    return settings_of(load_file(path) if path else {}, path, environment, flags)


def settings_of(
    content: Mapping[str, Any],
    path: Path | None,
    environment: str | None,
    flags: Mapping[str, Any],
) -> Settings:
    """Return what holds, by the content of a configuration that has been checked.

    Raises:
        UsageError: A variable or a flag is wrong (E410), or there is no such environment (E412).
    """
    chosen, origin = _chosen(environment)
    environments = content.get("environments", {})
    if chosen and chosen not in environments:
        place = f"{path}: " if path else "there is no batchpredict.yaml here: "
        raise UsageError("E412", f"{place}{unknown('environment', chosen, list(environments))}")
    layers = [
        _file_layer(content.get("defaults", {}), f"{path}: defaults"),
        _file_layer(environments.get(chosen, {}), f"{path}: environments.{chosen}"),
        _checked(_variables()),
        _checked(_given(flags)),
    ]
    values = {keys: pair for layer in layers for keys, pair in layer.items()}
    if chosen:
        values[("environment",)] = (chosen, origin)
    return _settings(values, content, path)


def load_file(path: Path) -> dict[str, Any]:
    """Return the content of a configuration file, checked whole.

    Raises:
        UsageError: It cannot be read, or something in it is wrong: all of it is said.
    """
    content = read_file(path)
    if found := file_problems(content):
        raise UsageError(
            "E410", "; ".join(f"{path}: {'.'.join(it)}: {text}" for it, text in found)
        )
    return content


def file_problems(content: Mapping[str, Any]) -> list[tuple[list[str], str]]:
    """Return the keys and the words of everything that is wrong with what a file says."""
    from pydantic import ValidationError

    from batchpredict.config.models import Configuration
    from batchpredict.config.problems import located

    try:
        Configuration.model_validate(content)
    except ValidationError as error:
        return located(error, Configuration)
    return []


def check_values(flags: Mapping[str, Any]) -> None:
    """Refuse values that a configuration may not have.

    Raises:
        UsageError: All of them are named, as flags.
    """
    _checked(_given(flags))


def config_file(file: Path | None) -> Path | None:
    """Return the configuration: this one, that of BATCHPREDICT_CONFIG, of the folder, or None.

    Raises:
        UsageError: The folder has several.
    """
    name = os.environ.get(f"{PREFIX}CONFIG")
    return file or (Path(name) if name else find_file(Path()))


def _chosen(environment: str | None) -> tuple[str, str]:
    """Return the environment that was asked for, and how."""
    if environment is not None:
        return environment, f"flag {FLAGS['environment']}"
    return os.environ.get(f"{PREFIX}ENV", ""), f"{PREFIX}ENV"


Layer = dict[tuple[str, ...], tuple[Any, str]]  # value and origin, by the keys that lead there


def _file_layer(content: Mapping[str, Any], place: str) -> Layer:
    """Return the values of a part of the file, labels and parameters one by one."""
    return {keys: (value, ".".join((place, *keys))) for keys, value in _flat(content)}


def _flat(content: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in content.items():
        if key == "labels":
            yield from (((key, name), text) for name, text in value.items())
        elif key == "parameters":
            for pipeline, given in value.items():
                yield from (((key, pipeline, name), it) for name, it in given.items())
        else:
            yield (key,), value


def _variables() -> Layer:
    """Return what the environment of the process says; an empty variable says nothing."""
    found = {key: f"{PREFIX}{key.upper()}" for key in SCALARS}
    given = {key: (os.environ.get(name), name) for key, name in found.items()}
    return {(key,): (_typed(key, text), name) for key, (text, name) in given.items() if text}


def _typed(key: str, text: str) -> Any:
    return BOOLEANS.get(text.lower(), text) if key == "enable_caching" else text


def _given(flags: Mapping[str, Any]) -> Layer:
    named = {key: FLAGS.get(key, f"--{key.replace('_', '-')}") for key in flags}
    return {
        (key,): (value, f"flag {named[key]}") for key, value in flags.items() if value is not None
    }


def _checked(layer: Layer) -> Layer:
    """Refuse values of flags and variables that a file may not have either."""
    if not layer:
        return layer
    from pydantic import ValidationError

    from batchpredict.config.models import Environment
    from batchpredict.config.problems import problems

    def place(steps: Sequence[str]) -> str:
        return layer[(steps[0],)][1]

    try:
        Environment.model_validate({key: value for (key,), (value, _) in layer.items()})
    except ValidationError as error:
        raise UsageError("E410", "; ".join(problems(error, Environment, place))) from error
    return layer


def _settings(values: Layer, content: Mapping[str, Any], path: Path | None) -> Settings:
    plain: dict[str, Any] = {}
    for (key, *inner), (value, _) in values.items():
        if not inner:
            plain[key] = value
        elif key == "labels":
            plain.setdefault(key, {})[inner[0]] = value
        else:
            plain.setdefault(key, {}).setdefault(inner[0], {})[inner[1]] = value
    folder = path.parent if path else Path()
    folders = {key: folder / content[key] for key in ("sources", "compiled") if content.get(key)}
    return Settings(
        **plain,
        **folders,
        file=path,
        environments=tuple(sorted(content.get("environments", {}))),
        origins={
            **{key: f"{path}: {key}" for key in folders},
            **{".".join(keys): origin for keys, (_, origin) in values.items()},
        },
    )
