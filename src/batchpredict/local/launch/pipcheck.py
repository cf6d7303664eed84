"""Stands in for pip: ``install`` only checks what is installed; a script for the interpreter.

A step that installs packages on Vertex AI shares one environment with all other steps here, so
nothing may be installed. Other verbs go to the real pip.
"""

import os
import shlex
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import urldefrag

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion

_OPTIONS_WITH_VALUE = """
-i --index-url --extra-index-url --trusted-host -f --find-links -c --constraint -r
--requirement -e --editable -t --target --prefix --root --src -b --build --platform
--python-version --implementation --abi --python --progress-bar --upgrade-strategy --no-binary
--only-binary --timeout --retries --proxy --cert --client-cert --cache-dir --log
--exists-action -C --config-settings --global-option --build-option --install-option --report
--root-user-action --use-feature --use-deprecated --keyring-provider --resume-retries --group
"""
_WITH_VALUE = frozenset(_OPTIONS_WITH_VALUE.split())
_SHORT_WITH_VALUE = ("-i", "-f", "-c", "-r", "-e", "-t", "-b", "-C")
_FILES = ("-r", "--requirement")
_REFUSED = ("-c", "--constraint", "-e", "--editable", "--group")


class _UnsatisfiedError(Exception):
    """One thing the step asks for and this environment does not have."""


def _options(args: list[str]) -> Iterator[tuple[str, str]]:
    """Yields (option, value) pairs; a word that is no option comes with an empty option."""
    words = iter(args)
    for word in words:
        name, equals, value = word.partition("=")
        if not word.startswith("-") or word == "-":
            yield "", word
        elif word[:2] in _SHORT_WITH_VALUE and len(word) > 2:
            yield word[:2], word[2:].lstrip("=")
        elif equals or name not in _WITH_VALUE:
            yield name, value
        else:
            yield name, next(words, "")


def _verb(args: list[str]) -> str:
    return next((value for option, value in _options(args) if not option), "")


def _requirements(args: list[str], folder: Path) -> Iterator[str]:
    """Yields the requirements among the arguments of install, those of -r files included."""
    for option, value in _options(args):
        if not option:
            yield value
        elif option in _FILES:
            yield from _from_file(folder / value)
        elif option in _REFUSED:
            raise _UnsatisfiedError(f"{option} {value}, which cannot be checked here")


def _from_file(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    except OSError as error:
        raise _UnsatisfiedError(f"the packages of {path}: {error.strerror}") from error
    for line in lines:
        text = line.strip() if not line.lstrip().startswith("#") else ""
        text = text.split(" #")[0].strip()
        if text.startswith("-"):
            yield from _requirements(shlex.split(text), path.parent)
        elif text:
            yield text.split(" --")[0].strip()


def _parse(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement:
        raise _UnsatisfiedError(f"{text}, which cannot be checked here") from None


def _check(requirement: Requirement, dependencies: bool) -> None:
    """Raises _UnsatisfiedError unless a requirement holds, its extras included."""
    if requirement.marker and not requirement.marker.evaluate():
        return
    wanted = f"{requirement.name}{requirement.specifier}"
    try:
        found = metadata.distribution(requirement.name)
    except metadata.PackageNotFoundError:
        raise _UnsatisfiedError(f"{wanted}, this environment does not have it") from None
    if requirement.url:
        _check_url(requirement, found)
    if not requirement.specifier.contains(found.version, prereleases=True):
        raise _UnsatisfiedError(f"{wanted}, this environment has {found.version}")
    for extra in requirement.extras if dependencies else ():
        _check_extra(extra, found)


def _check_extra(extra: str, found: metadata.Distribution) -> None:
    for text in found.requires or ():
        needed = Requirement(text)
        marker, needed.marker = needed.marker, None
        if marker and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
            _check(needed, dependencies=True)


def _check_url(requirement: Requirement, found: metadata.Distribution) -> None:
    """Accepts the URL the package came from, or a wheel of the installed version."""
    url = urldefrag(requirement.url or "")[0]
    if f'"{url}"' in (found.read_text("direct_url.json") or ""):
        return
    try:
        version = str(parse_wheel_filename(url.rpartition("/")[2])[1])
    except (InvalidWheelFilename, InvalidVersion):
        version = ""
    if version != found.version:
        raise _UnsatisfiedError(
            f"{requirement.name} from {url}, this environment has {found.version}"
        )


def _install(args: list[str]) -> int:
    """Checks the arguments of install; returns the exit code."""
    dependencies = "--no-deps" not in args
    missing = []
    try:
        texts = list(_requirements(args, Path()))[1:]
        if not texts and not any(option in _FILES for option, _ in _options(args)):
            raise _UnsatisfiedError("a package, but names none")
    except _UnsatisfiedError as error:
        texts, missing = [], [str(error)]
    missing += _unsatisfied(texts, dependencies)
    if missing:
        print(refusal(missing), file=sys.stderr)
    return 1 if missing else 0


def check_plain(args: list[str]) -> list[str] | None:
    """Checks an install of plain requirements, in the process that asks.

    Args:
        args: What follows ``pip``.

    Returns:
        What is not satisfied; None when the arguments need a process of their own: another verb,
        files, or options that are refused.
    """
    special = (*_FILES, *_REFUSED)
    if _verb(args) != "install" or any(option in special for option, _ in _options(args)):
        return None
    texts = list(_requirements(args, Path()))[1:]
    return _unsatisfied(texts, "--no-deps" not in args) if texts else None


def _unsatisfied(texts: list[str], dependencies: bool) -> list[str]:
    missing = []
    for text in texts:
        try:
            _check(_parse(text), dependencies)
        except _UnsatisfiedError as error:
            missing.append(str(error))
    return missing


def refusal(missing: list[str]) -> str:
    """Returns the line that says what a step needs."""
    return f"E321 the step needs {'; '.join(missing)}"


def main(args: list[str]) -> int:
    """Does what pip would, as far as that leaves this environment as it is."""
    verb = _verb(args)
    if verb == "install":
        return _install(args)
    if verb == "uninstall":
        print("E321 the step uninstalls packages, but all steps share them here", file=sys.stderr)
        return 1
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pip", *args])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
