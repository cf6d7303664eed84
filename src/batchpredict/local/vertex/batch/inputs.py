"""The instances of a batch prediction job, read in a stream from files of each format.

What the model gets for each is said in cloud.google.com/vertex-ai/docs/predictions/
get-batch-predictions; ``docs/local.md`` repeats it.
"""

import base64
import glob
import gzip
import itertools
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.names import parse_uri
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.batch.csv_rows import CsvCells
from batchpredict.local.vertex.batch.instances import Instance, InstanceRules, convert
from batchpredict.local.vertex.batch.lines import json_texts, parse_lines, text_lines
from batchpredict.local.vertex.batch.records import BrokenRecordError, read_records
from batchpredict.local.vertex.batch.rows import Row
from batchpredict.local.vertex.batch.tables import BigQueryRows
from batchpredict.local.vertex.errors import ServiceError, invalid, not_found

if TYPE_CHECKING:
    from batchpredict.local.bigquery.warehouse import Warehouse

LINES_AT_ONCE = 64
Unreadable = Callable[[str, StorageError], None]
Tables = Callable[[], "Warehouse"]


class Source(Protocol):
    """The instances of a job.

    Attributes:
        names: The names of the values of an instance that is an array; empty when it has none.
    """

    names: Sequence[str]

    def rows(self) -> Iterator[Row]:
        """Yield the instances in order."""


def open_source(job: Any, store: ObjectStore, tables: Tables, unreadable: Unreadable) -> Source:
    """Return the instances of ``job``.

    Args:
        job: The batch prediction job.
        store: Where its input is.
        tables: Where it is when it is a table.
        unreadable: Is told of each file of a file list that cannot be read, and why.

    Raises:
        ServiceError: NOT_FOUND, there is no such input.
    """
    rules = InstanceRules.of(job.instance_config)
    kind = job.input_config.instances_format
    if kind == "bigquery":
        return BigQueryRows(tables(), job.input_config.bigquery_source.input_uri, rules)
    paths = find_inputs(job.input_config.gcs_source.uris, store)
    if kind == "csv":
        return CsvRows(paths, rules)
    if kind == "file-list":
        return ListedFiles(paths, store, unreadable)
    if kind in ("tf-record", "tf-record-gzip"):
        return Records(paths, gzipped=kind == "tf-record-gzip")
    return JsonLines(paths, rules)


def find_inputs(uris: Sequence[str], store: ObjectStore) -> list[Path]:
    """Return the files of the URIs, in their order; ``*`` stands for any characters.

    Raises:
        ServiceError: NOT_FOUND, a URI stands for no file.
    """
    paths: list[Path] = []
    for uri in uris:
        names = _matches(uri, store) if "*" in uri else [uri]
        files = [path for path in map(store.path, names) if path.is_file()]
        if not files:
            raise not_found(f"input {uri}")
        paths += files
    return paths


def _matches(uri: str, store: ObjectStore) -> list[str]:
    """Return the URIs that a wildcard stands for; ``*`` is the only special character."""
    folder = uri.partition("*")[0].rpartition("/")[0]
    pattern = "*".join(glob.escape(text) for text in uri[len(folder) + 1 :].split("*"))
    names = glob.glob(pattern, root_dir=store.path(folder), recursive=True)
    return sorted(f"{folder}/{name}" for name in names)


class JsonLines:
    """One JSON value in each line."""

    def __init__(self, paths: Sequence[Path], rules: InstanceRules) -> None:
        self.names: Sequence[str] = rules.names
        self._paths = paths
        self._rules = rules

    def rows(self) -> Iterator[Row]:
        """Yield the instances in order."""
        for path in self._paths:
            lines = text_lines(path)
            while chunk := list(itertools.islice(lines, LINES_AT_ONCE)):
                values = parse_lines(path, chunk)
                if self._rules.any_value_fits:
                    yield from (Row(text, f'"instance": {text}') for _, text in chunk)
                else:
                    yield from self._converted(path, chunk, values)

    def _converted(
        self, path: Path, chunk: Sequence[tuple[int, str]], values: Sequence[Any]
    ) -> Iterator[Row]:
        found = []
        for (number, _), value in zip(chunk, values, strict=True):
            try:
                found.append(convert(value, self._rules))
            except ServiceError as error:
                text = f"{path.name} line {number}: {error.message}"
                raise ServiceError(error.code, text) from error
        texts = json_texts([instance.sent for instance in found])
        for instance, text in zip(found, texts, strict=True):
            yield Row(text, instance.echo(text))


class CsvRows:
    """One instance in each row of a table; the header is dropped."""

    def __init__(self, paths: Sequence[Path], rules: InstanceRules) -> None:
        self.names: Sequence[str] = ()
        self._paths = paths
        self._key_field = rules.key_field

    def rows(self) -> Iterator[Row]:
        """Yield the instances in order."""
        for path in self._paths:
            table = CsvCells(path, self._key_field)
            if self.names and self.names != table.names:
                # Only names tell which value is which in an output of columns.
                raise invalid(f"{path.name} has other columns than {self._paths[0].name}")
            self.names = table.names
            for key, sent in table.rows():
                yield Row(sent, Instance(None, key, {}).echo(sent))


class ListedFiles:
    """The content of the files whose URIs a text lists."""

    names: Sequence[str] = ()

    def __init__(self, paths: Sequence[Path], store: ObjectStore, unreadable: Unreadable) -> None:
        self._paths = paths
        self._store = store
        self._unreadable = unreadable

    def rows(self) -> Iterator[Row]:
        """Yield the instances in order; of a file that cannot be read only the owner is told."""
        for path in self._paths:
            for number, uri in text_lines(path):
                if not uri.startswith("gs://"):
                    raise invalid(f"{path.name} line {number} is not a gs:// URI: {uri[:200]!r}")
                try:
                    with self._store.open(*parse_uri(uri)) as (_, file):
                        content = file.read()
                except StorageError as error:
                    self._unreadable(uri, error)
                    continue
                yield Row(as_base64(content), f'"instance": {json.dumps(uri)}')


class Records:
    """The records of TFRecord files."""

    names: Sequence[str] = ()

    def __init__(self, paths: Sequence[Path], *, gzipped: bool) -> None:
        self._paths = paths
        self._gzipped = gzipped

    def rows(self) -> Iterator[Row]:
        """Yield the instances in order."""
        for path in self._paths:
            try:
                with gzip.open(path) if self._gzipped else path.open("rb") as file:
                    for record in read_records(file):
                        sent = as_base64(record)
                        yield Row(sent, f'"instance": {sent}')
            except (BrokenRecordError, EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise invalid(f"{path.name} is broken: {error}") from error


def as_base64(content: bytes) -> str:
    """Return the JSON of bytes, as the model gets them."""
    return f'{{"b64": "{base64.b64encode(content).decode()}"}}'
