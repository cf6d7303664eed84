"""The files that a batch prediction job leaves: shards of results, and the errors.

Their names are those of real jobs of custom models. A shard becomes an object when the job ends,
so that nobody reads half of one.
"""

import contextlib
import csv
import io
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.names import parse_uri
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.storage.staging import Staged
from batchpredict.local.vertex.batch.inputs import Source
from batchpredict.local.vertex.batch.rows import Row
from batchpredict.local.vertex.errors import invalid

PREDICTION_COLUMN = "predicted_value"
BUFFER = 1 << 20
PLAIN = (str, float, int, type(None))  # what Python's CSV writes as JSON does, and null as ""
ATTRIBUTES = {"contentType": "text/plain"}


class Answers(NamedTuple):
    """What the model said to the instances of a batch that did not fail.

    Attributes:
        rows: The instances.
        predictions: One JSON value for each.
        explanations: The JSON of one explanation for each, or nothing.
    """

    rows: Sequence[Row]
    predictions: Sequence[Any]
    explanations: Sequence[str]


class Form(Protocol):
    """How results are written."""

    suffix: str

    def text(self, answers: Answers, first: bool) -> str:
        """Return the lines of ``answers``; ``first`` when they are the first of a file."""


class JsonLinesForm:
    """One object for each instance."""

    suffix = ""

    def text(self, answers: Answers, first: bool) -> str:  # noqa: ARG002 - as Form has it
        """Return the lines of ``answers``."""
        predictions = map(json_text, answers.predictions)
        pairs = zip(answers.rows, predictions, strict=True)
        if answers.explanations:
            explained = zip(pairs, answers.explanations, strict=True)
            return "".join(
                f'{{{row.echo}, "prediction": {value}, "explanation": {explanation}}}\n'
                for (row, value), explanation in explained
            )
        return "".join(f'{{{row.echo}, "prediction": {value}}}\n' for row, value in pairs)


class CsvForm:
    """One row for each instance: the key or the fields, then the prediction as JSON.

    Args:
        source: Knows the names of the values of instances that are arrays.
    """

    suffix = ".csv"

    def __init__(self, source: Source) -> None:
        self._source = source
        self._columns: tuple[str, ...] = ()
        self._known: frozenset[str] = frozenset()

    def text(self, answers: Answers, first: bool) -> str:
        """Return the rows of ``answers``, below the header when they are the first of a file."""
        # NaN becomes a text, as JSON spells it: Python would write nan.
        echoes = f"[{{{'}, {'.join(row.echo for row in answers.rows)}}}]"
        rows = [self._fields(it) for it in json.loads(echoes, parse_constant=str)]
        if not self._columns:
            self._set_columns(rows[0])
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        if first:
            writer.writerow([*self._columns, PREDICTION_COLUMN])
        for fields, prediction in zip(rows, answers.predictions, strict=True):
            writer.writerow([*self._cells(fields), json_text(prediction)])
        return out.getvalue()

    def _fields(self, members: dict[str, Any]) -> dict[str, Any]:
        if "instance" not in members:
            return members
        instance = members.pop("instance")
        if isinstance(instance, list) and self._source.names:
            instance = dict(zip(self._source.names, instance, strict=True))
        elif not isinstance(instance, dict):
            instance = {"instance": instance}
        return instance | members if members else instance

    def _set_columns(self, fields: Mapping[str, Any]) -> None:
        if PREDICTION_COLUMN in fields or len(set(self._source.names)) < len(self._source.names):
            names = ", ".join(self._source.names or fields)
            raise invalid(
                f"the instances cannot be columns beside {PREDICTION_COLUMN}, two would have one "
                f"name: {names[:500]}"
            )
        self._columns, self._known = tuple(fields), frozenset(fields)

    def _cells(self, fields: Mapping[str, Any]) -> list[Any]:
        if not fields.keys() <= self._known:
            more = ", ".join(sorted(fields.keys() - self._known))
            raise invalid(f"an instance has a field that the first one has not: {more[:500]}")
        values = map(fields.get, self._columns)
        return [it if type(it) in PLAIN else json.dumps(it) for it in values]


def json_text(value: Any) -> str:
    """Return the JSON of any value; of a plain number in a tenth of the time of ``dumps``."""
    kind = type(value)
    if kind is int or (kind is float and math.isfinite(value)):
        return repr(value)
    return json.dumps(value)


class _Shard:
    """A file of results that is being written."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self.name = name
        self.staged: Staged = store.staging.begin()
        self._pieces: list[bytes] = []
        self._waiting = 0
        self.flush()  # an empty shard is a file too

    @property
    def empty(self) -> bool:
        return not self.staged.size and not self._waiting

    def write(self, text: str) -> None:
        piece = text.encode("utf-8", "backslashreplace")
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting >= BUFFER:
            self.flush()

    def flush(self) -> None:
        self.staged.write(b"".join(self._pieces))
        self._pieces.clear()
        self._waiting = 0


class Output(Protocol):
    """Where the results of one job go. Nothing is there until it is closed."""

    def write(self, answers: Answers) -> None:
        """Take the answers to a batch."""

    def fail(self, rows: Sequence[Row], message: str) -> None:
        """Take instances that have no answer."""

    def close(self, errors: Mapping[str, int]) -> None:
        """Make everything visible, with the messages of ``errors`` and their counts."""


class FileOutput:
    """The output folder of one job. Nothing is in it until it is closed.

    Args:
        store: Where the folder is.
        directory: URI of the folder.
        kind: ``prediction`` or ``explanation``.
        form: How results are written.
        shards: The number of files of results.
    """

    def __init__(
        self, store: ObjectStore, directory: str, kind: str, form: Form, shards: int
    ) -> None:
        self._store = store
        self._bucket, self._folder = parse_uri(directory)
        if not store.bucket_exists(self._bucket):
            # The pipelines of a user name buckets of Google Cloud, which nobody made here.
            with contextlib.suppress(StorageError):  # another job has just made it
                store.create_bucket(self._bucket)
        self._form = form
        names = [f"{kind}.results-{i:05d}-of-{shards:05d}{form.suffix}" for i in range(shards)]
        self._shards = [_Shard(store, name) for name in names]
        self._turns = itertools.cycle(self._shards)

    def write(self, answers: Answers) -> None:
        """Write the answers to a batch; the next batch goes to the next shard."""
        shard = next(self._turns)
        shard.write(self._form.text(answers, first=shard.empty))

    def fail(self, rows: Sequence[Row], message: str) -> None:
        """Do nothing: only how many failed is written, when the job ends."""

    def close(self, errors: Mapping[str, int]) -> None:
        """Make the files objects, with the messages of ``errors`` and their counts.

        Raises:
            OSError: The disk is full; what did not become an object is removed.
        """
        stats = _Shard(self._store, "prediction.errors_stats-00000-of-00001")
        shards = [*self._shards, stats]
        try:
            stats.write("".join(f"{pair!r}\n" for pair in errors.items()))
            for shard in shards:
                shard.flush()
                name = f"{self._folder}/{shard.name}"
                self._store.commit(shard.staged, self._bucket, name, ATTRIBUTES)
        finally:
            for shard in shards:
                shard.staged.discard()
