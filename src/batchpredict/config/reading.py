"""Find a configuration file and read it: YAML, TOML and JSON say the same in the same words."""

import json
from collections.abc import Callable, Iterator
from datetime import date, time
from pathlib import Path
from typing import Any, ClassVar

from batchpredict.errors import UsageError
from batchpredict.yaml_reading import load_documents, safe_loader

NAMES = ("batchpredict.yaml", "batchpredict.yml", "batchpredict.toml", "batchpredict.json")
TIMESTAMP = "tag:yaml.org,2002:timestamp"


def find_file(folder: Path) -> Path | None:
    """Return the configuration file of a folder, or None.

    Raises:
        UsageError: There are several.
    """
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise UsageError("E410", f"there are {names}; keep one, or name it with --config")
    return found[0] if found else None


def read_file(path: Path) -> dict[str, Any]:
    """Return what a configuration file says, as it stands there.

    Dates and times are texts, as parameters of pipelines are.

    Raises:
        UsageError: It cannot be read, or is not of its form.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise UsageError("E410", f"{path}: a configuration is .yaml, .yml, .toml or .json")
    try:
        content = read(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError("E410", f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and the parsers' own
        problem = " ".join(str(error).split())
        raise UsageError("E410", f"{path} cannot be read: {problem}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError("E410", f"{path}: it holds no keys; see `batchpredict config schema`")
    return content


def _read_yaml(text: str) -> Any:
    import yaml

    class Loader(safe_loader()):  # type: ignore[misc]
        """Leaves dates as the texts they are, and takes no key twice."""

        yaml_implicit_resolvers: ClassVar = {
            first: [(tag, form) for tag, form in resolvers if tag != TIMESTAMP]
            for first, resolvers in safe_loader().yaml_implicit_resolvers.items()
        }

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            scalars = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            keys = [key.value for key in scalars]
            _refuse_repeated(keys, f" in line {node.start_mark.line + 1}")
            return super().construct_mapping(node, deep)

    try:
        documents = load_documents(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if len(documents) > 1:
        raise ValueError("it holds more than one document")
    return documents[0] if documents else None


def _read_toml(text: str) -> Any:
    import tomllib

    return _with_texts(tomllib.loads(text))


def _read_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_repeated([key for key, _ in pairs], "")
    return dict(pairs)


def _refuse_repeated(keys: list[str], where: str) -> None:
    for key in _repeated(keys):
        raise ValueError(f"the key {key!r} stands twice{where}")


def _repeated(keys: list[str]) -> Iterator[str]:
    known = set()
    for key in keys:
        if key in known:
            yield key
        known.add(key)


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _with_texts(value: Any) -> Any:
    """Return the value with dates and times as texts."""
    if isinstance(value, dict):
        return {key: _with_texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_texts(item) for item in value]
    return value.isoformat() if isinstance(value, date | time) else value


_READERS: dict[str, Callable[[str], Any]] = {
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
    ".toml": _read_toml,
    ".json": _read_json,
}
