"""``images.toml``: which command stands for a container image on this machine."""

import difflib
import fnmatch
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchpredict.errors import UsageError

FILE = "images.toml"
RESERVED = "AIP_"
TEXT, TEXTS, TABLE = "a text", "a list of texts", "a table of texts"
KEYS = {
    "match": TEXT,
    "command": TEXTS,
    "directory": TEXT,
    "python": TEXT,
    "packages": TEXTS,
    "environment": TABLE,
}


@dataclass(frozen=True)
class Image:
    """How containers of one image, or of several that a pattern names, are started here.

    Attributes:
        match: The image, with ``*``, ``?`` and ``[…]`` as in file names.
        command: What is run instead of the image's entrypoint; without it the model's command.
        directory: The working folder; without it an empty one.
        python: An interpreter, or the folder of a virtual environment.
        packages: Requirements of an environment that is made for the image.
        environment: Variables that the image would set.
    """

    match: str
    command: tuple[str, ...] = ()
    directory: Path | None = None
    python: Path | None = None
    packages: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def matches(self, uri: str) -> bool:
        """Tell whether ``uri`` is meant; as Docker has it, no tag is the tag ``latest``."""
        name = uri.rpartition("/")[2]
        full = uri if ":" in name or "@" in name else f"{uri}:latest"
        return any(fnmatch.fnmatchcase(one, self.match) for one in (uri, full))


@dataclass(frozen=True)
class Images:
    """The entries of one file, in its order."""

    entries: tuple[Image, ...] = ()

    def find(self, uri: str) -> Image | None:
        """Return the first entry that means the image, or None."""
        return next((entry for entry in self.entries if entry.matches(uri)), None)


def load_images(path: Path | None) -> Images:
    """Read a file; without a path, ``images.toml`` of the current folder if there is one.

    Raises:
        UsageError: The file cannot be read, or says something that it cannot say.
    """
    if path is None:
        return load_images(Path(FILE)) if Path(FILE).is_file() else Images()
    path = path.expanduser().absolute()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _fault(path, f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _fault(path, f"is not TOML: {error}") from error
    return _Reader(path).read(content)


class _Reader:
    """Checks what a file says; each message names the file, the entry and the key."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, content: Mapping[str, Any]) -> Images:
        self._check_keys("", content, ["image"])
        entries = content.get("image", [])
        if not isinstance(entries, list) or not all(isinstance(it, dict) for it in entries):
            raise _fault(self._path, "image must be written as [[image]]")
        images = tuple(self._entry(f"[[image]] {n}", it) for n, it in enumerate(entries, 1))
        self._check_repeated([image.match for image in images])
        return Images(images)

    def _entry(self, where: str, entry: Mapping[str, Any]) -> Image:
        self._check_keys(f"{where}: ", entry, list(KEYS))
        for key, value in entry.items():
            if not _is(KEYS[key], value):
                raise self._wrong(where, key, f"must be {KEYS[key]}")
        if not entry.get("match"):
            raise self._wrong(where, "match", "is required: the image, * for any characters")
        self._check_values(where, entry)
        return Image(
            match=entry["match"],
            command=tuple(entry.get("command", ())),
            directory=self._path_of(where, entry, "directory"),
            python=self._path_of(where, entry, "python"),
            packages=tuple(entry.get("packages", ())),
            environment=dict(entry.get("environment", {})),
        )

    def _check_values(self, where: str, entry: Mapping[str, Any]) -> None:
        for key in ("command", "packages"):
            if key in entry and not (entry[key] and all(entry[key])):
                raise self._wrong(where, key, "must hold something, and no empty text")
        if "python" in entry and "packages" in entry:
            raise self._wrong(where, "packages", "python is given too; they exclude each other")
        for name in entry.get("packages", ()):
            if name.startswith("-"):
                text = f"{name!r} is an option of pip; set it in pip's own configuration"
                raise self._wrong(where, "packages", text)
        self._check_variables(where, entry.get("environment", {}))

    def _check_variables(self, where: str, names: Mapping[str, str]) -> None:
        for name in names:
            if not name or "=" in name:
                raise self._wrong(where, "environment", f"{name!r} is no name of a variable")
            if name.startswith(RESERVED):
                text = f"must not set {name!r}: Vertex AI sets {RESERVED}* itself"
                raise self._wrong(where, "environment", text)

    def _path_of(self, where: str, entry: Mapping[str, Any], key: str) -> Path | None:
        """Return a path, which is relative to the file."""
        if key not in entry:
            return None
        path = self._path.parent / Path(entry[key]).expanduser()
        if key == "directory" and not path.is_dir():
            raise self._wrong(where, key, f"there is no folder {path}")
        if key == "python":
            return self._interpreter(where, path)
        return path

    def _interpreter(self, where: str, path: Path) -> Path:
        found = path / "bin" / "python" if path.is_dir() else path
        if not found.is_file():
            text = f"{path} is neither an interpreter nor a virtual environment"
            raise self._wrong(where, "python", text)
        return found

    def _check_keys(self, where: str, found: Mapping[str, Any], known: Sequence[str]) -> None:
        for key in found:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
                raise _fault(self._path, f"{where}there is no key {key!r}{hint}")

    def _check_repeated(self, patterns: Sequence[str]) -> None:
        for number, pattern in enumerate(patterns, 1):
            first = patterns.index(pattern) + 1
            if first < number:
                text = f"is that of [[image]] {first} too, which is always taken first"
                raise self._wrong(f"[[image]] {number}", "match", text)

    def _wrong(self, where: str, key: str, text: str) -> UsageError:
        return _fault(self._path, f"{where}: {key}: {text}")


def _is(kind: str, value: object) -> bool:
    if kind == TEXT:
        return isinstance(value, str)
    if kind == TEXTS:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _fault(path: Path, text: str) -> UsageError:
    return UsageError("E335", f"{path}: {text}")
