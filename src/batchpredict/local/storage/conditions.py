"""Preconditions of a request, such as ``ifGenerationMatch``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from batchpredict.local.network.http import HttpRequest
from batchpredict.local.storage.errors import StorageError


class Versioned(Protocol):
    """Anything with versions: an object or a bucket."""

    @property
    def generation(self) -> int:
        """Return the version of the data."""

    @property
    def metageneration(self) -> int:
        """Return the version of the metadata."""

    @property
    def etag(self) -> str:
        """Return what changes with either."""


def integer_parameter(request: HttpRequest, name: str) -> int | None:
    """Return a query parameter as a number, or None when it is absent."""
    text = request.param(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise StorageError(400, f"Invalid value for {name}: {text!r}") from None


@dataclass(frozen=True)
class Conditions:
    """What must hold of the live version; a field that is None or empty demands nothing.

    Attributes:
        generation_match: Generation that must be live; 0 demands that there is none.
        generation_not_match: Generation that must not be live.
        metageneration_match: Metageneration that must be live.
        metageneration_not_match: Metageneration that must not be live.
        etag_match: Header ``If-Match``.
        etag_not_match: Header ``If-None-Match``.
        reading: A failed "not match" says 304 to a reader and 412 to a writer.
    """

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None
    etag_match: str = ""
    etag_not_match: str = ""
    reading: bool = False

    @classmethod
    def of(cls, request: HttpRequest, prefix: str = "if", reading: bool = False) -> "Conditions":
        """Return the conditions in the query; ``prefix`` is ``if`` or ``ifSource``."""
        headers = request.headers if prefix == "if" else {}
        return cls(
            integer_parameter(request, f"{prefix}GenerationMatch"),
            integer_parameter(request, f"{prefix}GenerationNotMatch"),
            integer_parameter(request, f"{prefix}MetagenerationMatch"),
            integer_parameter(request, f"{prefix}MetagenerationNotMatch"),
            headers.get("if-match", ""),
            headers.get("if-none-match", ""),
            reading,
        )

    def check(self, live: Versioned | None) -> None:
        """Raise when one does not hold of the ``live`` version."""
        for condition, wanted in self._unmet_matches(live):
            raise StorageError(412, f"Precondition failed: {condition} {wanted}")
        for condition, unwanted in self._unmet_not_matches(live):
            status = 304 if self.reading else 412
            raise StorageError(status, f"Precondition failed: {condition} {unwanted}")

    def _unmet_matches(self, live: Versioned | None) -> Iterator[tuple[str, object]]:
        generation, metageneration, etag = _versions(live)
        if self.generation_match not in (None, generation):
            yield "ifGenerationMatch", self.generation_match
        if self.metageneration_match not in (None, metageneration):
            yield "ifMetagenerationMatch", self.metageneration_match
        if self.etag_match and not _etag_listed(etag, self.etag_match):
            yield "If-Match", self.etag_match

    def _unmet_not_matches(self, live: Versioned | None) -> Iterator[tuple[str, object]]:
        generation, metageneration, etag = _versions(live)
        if self.generation_not_match == generation:
            yield "ifGenerationNotMatch", generation
        if self.metageneration_not_match == metageneration:
            yield "ifMetagenerationNotMatch", metageneration
        if self.etag_not_match and _etag_listed(etag, self.etag_not_match):
            yield "If-None-Match", self.etag_not_match


NO_CONDITIONS = Conditions()


def _versions(live: Versioned | None) -> tuple[int, int, str]:
    return (live.generation, live.metageneration, live.etag) if live else (0, 0, "")


def _etag_listed(etag: str, header: str) -> bool:
    listed = {text.strip().strip('"') for text in header.split(",")}
    return bool(etag) and (etag in listed or "*" in listed)
