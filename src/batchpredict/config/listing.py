"""Every setting with its value and its origin."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from batchpredict.config.settings import SCALARS, Settings

FOLDERS = ("sources", "compiled")


@dataclass(frozen=True)
class Listed:
    """A setting.

    Attributes:
        key: Its name, such as ``project``, ``labels.team`` or ``parameters.score.seed``.
        value: None or "" when it is not set.
        origin: The flag, the variable, the file and its key, or ``default``.
    """

    key: str
    value: Any
    origin: str


def listed(settings: Settings) -> list[Listed]:
    """Return all settings: the scalars, labels and parameters in the order of their names."""
    return [Listed(key, value, settings.origin(key)) for key, value in _pairs(settings)]


def _pairs(settings: Settings) -> Iterator[tuple[str, Any]]:
    yield from ((name, getattr(settings, name)) for name in ("environment", *SCALARS))
    for name in FOLDERS:
        folder = getattr(settings, name)
        yield name, folder and str(folder)
    yield from ((f"labels.{name}", settings.labels[name]) for name in sorted(settings.labels))
    for pipeline in sorted(settings.parameters):
        values = settings.parameters[pipeline]
        yield from ((f"parameters.{pipeline}.{name}", values[name]) for name in sorted(values))
