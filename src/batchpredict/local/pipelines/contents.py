"""What the URIs and resource names in inputs and outputs stand for, as digests."""

import glob
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.objects import ObjectStore

REFERENCE = re.compile(
    r"gs://[^\s\"'\\,]+|projects/[^/\s\"]+/locations/[a-z0-9-]+/[a-zA-Z]+/[\w.@-]+"
)
BIGQUERY = re.compile(r"bq://|bigquery", re.IGNORECASE)
USE_OF_BIGQUERY = re.compile(r"bq://\w|\bbigquery\.|import bigquery\b")  # a mere test is none
WIDE = re.compile(r"gs://[^/]+/?|.*[*?\[].*")
ABSENT = "absent"


class ContentUnknownError(ValueError):
    """It cannot be said whether what a text names is still the same."""


class Contents:
    """Digests of what is in the local buckets, and of the Vertex AI resources.

    Args:
        store: The buckets.
        find: Returns a resource by its name, or None.
    """

    def __init__(self, store: ObjectStore, find: Callable[[str], Any]) -> None:
        self._store = store
        self._find = find

    def of(self, value: Any) -> dict[str, str]:
        """Return the digest of each thing that a value names; a value as JSON has it.

        Raises:
            ContentUnknownError: It names a table of BigQuery, a whole bucket, or a pattern.
            OSError: A file cannot be read.
        """
        return self._of(json.dumps(value), BIGQUERY)

    def of_command(self, command: Any) -> dict[str, str]:
        """Return the digest of each thing that a command, with its source, names.

        Raises:
            ContentUnknownError: It names a whole bucket or a pattern, or works with BigQuery.
            OSError: A file cannot be read.
        """
        return self._of(json.dumps(command), USE_OF_BIGQUERY)

    def _of(self, text: str, bigquery: re.Pattern[str]) -> dict[str, str]:
        if bigquery.search(text):
            raise ContentUnknownError("the content of BigQuery tables is not looked at")
        return {name: self.digest(name) for name in sorted(set(REFERENCE.findall(text)))}

    def digest(self, name: str) -> str:
        """Return the digest of a file, a folder or a resource; ``absent`` when there is none.

        Raises:
            ContentUnknownError: It is a whole bucket, a pattern, or the beginning of names.
            OSError: A file cannot be read.
        """
        if not name.startswith("gs://"):
            found = self._find(name)
            return ABSENT if found is None else _digest_of_resource(found)
        if WIDE.fullmatch(name):
            raise ContentUnknownError(f"{name} is a whole bucket or a pattern")
        try:
            path = Path(self._store.path(name))
        except StorageError:  # a URI that can be nothing here
            return ABSENT
        if not path.exists() and any(path.parent.glob(f"{glob.escape(path.name)}*")):
            raise ContentUnknownError(f"{name} is the beginning of names")
        return _digest_of_path(path)


def _digest_of_resource(message: Any) -> str:
    text = json_format.MessageToJson(type(message).pb(message), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest_of_path(path: Path) -> str:
    if path.is_dir():
        files = sorted(it for it in path.rglob("*") if it.is_file())
        parts = [[str(it.relative_to(path)), _digest_of_path(it)] for it in files]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    if not path.exists():
        return ABSENT
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
