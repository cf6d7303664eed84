"""BigQuery as the source of a batch prediction job: the rows of a table, read in a stream."""

import base64
import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from google.rpc import code_pb2

from batchpredict.local.bigquery.errors import BigQueryError
from batchpredict.local.vertex.batch.instances import Instance, InstanceRules, convert
from batchpredict.local.vertex.batch.lines import json_texts
from batchpredict.local.vertex.batch.rows import Row
from batchpredict.local.vertex.errors import ServiceError, invalid

if TYPE_CHECKING:
    from batchpredict.local.bigquery.warehouse import Warehouse

URI = re.compile(r"bq://([A-Za-z0-9][\w.:-]*?)(?:[.:](\w+)(?:\.([\w -]+))?)?")
TABLE_URI = re.compile(r"bq://([A-Za-z0-9][\w.:-]*?)[.:](\w+)\.([\w -]+)")
ROWS_AT_ONCE = 64
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
CODES = {404: code_pb2.NOT_FOUND, 409: code_pb2.ALREADY_EXISTS, 501: code_pb2.UNIMPLEMENTED}
Field = Mapping[str, Any]


class Place(NamedTuple):
    """What a ``bq://`` URI names; what it leaves open is ""."""

    project: str
    dataset: str
    table: str


def place(field: str, uri: str, *, table: bool = False) -> Place:
    """Return what a URI names.

    Args:
        field: Of the request, for the message.
        uri: ``bq://project``, ``bq://project.dataset`` or ``bq://project.dataset.table``.
        table: Whether it must name a table.

    Raises:
        ServiceError: INVALID_ARGUMENT, it is no such URI.
    """
    found = (TABLE_URI if table else URI).fullmatch(uri)
    if found is None:
        form = "bq://project.dataset.table" if table else "bq://project[.dataset[.table]]"
        raise invalid(f"{field}: {uri!r} is not of the form {form}")
    return Place(*(part or "" for part in found.groups()))


def service_error(error: BigQueryError) -> ServiceError:
    """Return what BigQuery's refusal means to a batch prediction job."""
    return ServiceError(CODES.get(error.status, code_pb2.INVALID_ARGUMENT), error.message)


class BigQueryRows:
    """The rows of a table.

    Args:
        warehouse: Where it is.
        uri: The table.
        rules: What the model gets of a row.

    Attributes:
        names: The columns that the model gets as an array; empty when it gets objects.
        fields: All columns.

    Raises:
        ServiceError: NOT_FOUND, there is no such table, or INVALID_ARGUMENT, no such column.
    """

    def __init__(self, warehouse: "Warehouse", uri: str, rules: InstanceRules) -> None:
        self._warehouse = warehouse
        self._rules = rules
        self._name = place("input_config.bigquery_source.input_uri", uri, table=True)
        try:
            with warehouse.reading() as catalogue:
                self.fields: Sequence[Field] = catalogue.table(self._name).fields
        except BigQueryError as error:
            raise service_error(error) from error
        columns = [field["name"] for field in self.fields]
        named = (rules.key_field, *rules.included_fields, *rules.excluded_fields)
        unknown = [name for name in named if name and name not in columns]
        if unknown:
            raise invalid(f"instance_config: {uri} has no column {unknown[0]!r}")
        left_out = {rules.key_field, *rules.excluded_fields}
        sent = rules.included_fields or [name for name in columns if name not in left_out]
        self.names: Sequence[str] = () if rules.instance_type == "object" else tuple(sent)

    def rows(self) -> Iterator[Row]:
        """Yield the instances in the order of the table."""
        from batchpredict.local.bigquery.cells import readable

        converters = [(field["name"], json_value(field)) for field in self.fields]
        with self._warehouse.reading() as catalogue:
            table = catalogue.table(self._name)
            cursor = catalogue.connection.execute(
                f"SELECT {readable(table.fields)} FROM {table.sql}"
            )
            while chunk := cursor.fetchmany(ROWS_AT_ONCE):
                values = [
                    {
                        name: convert(it)
                        for (name, convert), it in zip(converters, row, strict=True)
                    }
                    for row in chunk
                ]
                instances = [self._instance(value) for value in values]
                texts = json_texts([instance.sent for instance in instances])
                for instance, text, row in zip(instances, texts, chunk, strict=True):
                    yield Row(text, instance.echo(text), row)

    def _instance(self, value: Mapping[str, Any]) -> Instance:
        if not self.names:
            return convert(value, self._rules)
        whole = convert(value, InstanceRules("object", self._rules.key_field))
        left_out = {name: value[name] for name in self._rules.excluded_fields}
        return Instance([value[name] for name in self.names], whole.key, left_out)


def json_value(field: Field) -> Callable[[Any], Any]:
    """Return a function from a value of a column to what the model gets for it."""
    if field["mode"] == "REPEATED":
        inner = json_value({**field, "mode": "NULLABLE"})
        return lambda values: [inner(value) for value in values or ()]
    if field["type"] == "RECORD":
        parts = [(it["name"], json_value(it)) for it in field["fields"]]
        return lambda value: value and {name: convert(value[name]) for name, convert in parts}
    convert = CONVERTERS.get(field["type"])
    if convert is None:
        return lambda value: value
    return lambda value: None if value is None else convert(value)


def _timestamp(micros: int) -> str:
    return (EPOCH + datetime.timedelta(microseconds=micros)).isoformat(sep=" ")


CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "NUMERIC": float,
    "BYTES": lambda value: base64.b64encode(value).decode(),
    "DATE": lambda value: value.isoformat(),
    "TIME": lambda value: value.isoformat(),
    "DATETIME": lambda value: value.isoformat(),
    "TIMESTAMP": _timestamp,
}
