"""A new project, whole or not at all."""

import os
import random
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from batchpredict import __version__
from batchpredict.config.loading import check_values, load_file
from batchpredict.errors import UsageError

NAME = re.compile(r"[a-z][a-z0-9-]{1,40}")
BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
CUSTOMERS = 120
SUFFIX = ".j2"
DOT = "dot-"  # package data leaves files out whose name begins with a dot


@dataclass(frozen=True)
class Answers:
    """What a new project is told.

    Attributes:
        name: Of the project, its models and its jobs.
        project: The Google Cloud project.
        location: The region.
        bucket: Where data and runs are.
    """

    name: str = "customer-scores"
    project: str = "my-project"
    location: str = "us-central1"
    bucket: str = "my-bucket"

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            UsageError: One of the answers is not of its form.
        """
        for key, form in (("name", NAME), ("bucket", BUCKET)):
            value = getattr(self, key)
            if not form.fullmatch(value):
                message = f"--{key}: {value!r} is not lower-case letters, digits and -"
                raise UsageError("E410", message)
        if not self.project or not self.location:
            raise UsageError("E410", "--project and --location take no empty text")
        check_values({"project": self.project, "location": self.location})


def check_place(folder: Path) -> Path:
    """Return the place of a new project.

    Raises:
        UsageError: Something is there already.
    """
    place = folder.expanduser().resolve()
    if place.is_dir() and not any(place.iterdir()):
        return place
    if place.exists():
        raise UsageError("E414", f"{folder} is there already and is not empty; choose another")
    return place


def create_project(folder: Path, answers: Answers) -> list[Path]:
    """Write a project, with its pipeline compiled; return its files.

    It is made in a folder beside and given its name when it is whole.

    Raises:
        UsageError: An answer is wrong (E410), or something is there already (E414).
    """
    answers.check()
    place = check_place(folder)
    with _staged(place) as staged:
        for relative, text in _texts(answers):
            path = staged / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        _compile(staged)
        load_file(staged / "batchpredict.yaml")
        files = sorted(it.relative_to(staged) for it in staged.rglob("*") if it.is_file())
        _move(staged, place, folder)
    return files


def _texts(answers: Answers) -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each file."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    root = Path(str(resources.files("batchpredict.projects"))) / "templates"
    values = {**asdict(answers), "version": __version__, "customers": _customers()}
    for path in sorted(root.rglob(f"*{SUFFIX}")):
        template = environment.from_string(path.read_text(encoding="utf-8"))
        name = path.name.removesuffix(SUFFIX).replace(DOT, ".", 1)
        yield path.relative_to(root).with_name(name), template.render(values)


def _customers() -> list[tuple[str | int, ...]]:
    """Return made-up rows: who calls often and came lately leaves."""
    chance = random.Random(1)
    rows: list[tuple[str | int, ...]] = []
    for number in range(1, CUSTOMERS + 1):
        months, calls = chance.randint(1, 60), chance.randint(0, 8)
        spend, plan = f"{chance.uniform(5, 90):.2f}", chance.choice(("basic", "plus", "team"))
        churned = "yes" if calls * 6 - months + chance.gauss(0, 3) > 0 else "no"
        rows.append((f"c{number:03}", months, spend, calls, plan, churned))
    return rows


def _compile(project: Path) -> None:
    """Compile the pipelines of a project that has just been written."""
    from batchpredict.compiler import write_compiled
    from batchpredict.projects.sources import own_files

    write_compiled(project / "compiled", own_files(project / "pipelines"))
    for cache in project.rglob("__pycache__"):
        shutil.rmtree(cache)


@contextmanager
def _staged(place: Path) -> Iterator[Path]:
    """Give a folder beside the place, and leave nothing of it behind.

    A place that is there is empty: it may be the working folder, which must stay the same folder,
    and beside it one may not be allowed to write. Then the folder is made within.
    """
    within = place if place.is_dir() else place.parent
    within.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=within))
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _move(staged: Path, place: Path, folder: Path) -> None:
    """Let a finished project appear at its place."""
    staged.chmod(0o777 & ~_umask())
    if staged.parent == place:
        _move_files(staged, place)
        return
    try:
        os.rename(staged, place)
    except OSError as error:
        message = f"{folder} is there by now, and nothing was written: {error.strerror}"
        raise UsageError("E414", message) from error


def _move_files(staged: Path, place: Path) -> None:
    """Move what is in a folder one level up, all or nothing."""
    moved: list[Path] = []
    try:
        for path in sorted(staged.iterdir()):
            target = place / path.name
            if target.exists():
                raise UsageError("E414", f"{target} is there by now, and nothing was written")
            moved.append(target)
            os.rename(path, target)
    except BaseException:
        for target in moved:
            if target.exists():
                os.rename(target, staged / target.name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
