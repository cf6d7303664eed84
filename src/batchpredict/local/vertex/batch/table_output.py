"""BigQuery as the destination of a batch prediction job: a table of predictions, one of errors.

The rows wait in a file and become tables in one transaction when the job ends. The columns are
those of the input and ``prediction``, a STRING that holds JSON, as public readers of the output of
custom models take it.
"""

import datetime
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from google.rpc import code_pb2

from batchpredict.local.bigquery.errors import BigQueryError
from batchpredict.local.vertex.batch.inputs import Source
from batchpredict.local.vertex.batch.outputs import Answers, json_text
from batchpredict.local.vertex.batch.rows import Row
from batchpredict.local.vertex.batch.tables import Place, place, service_error
from batchpredict.local.vertex.errors import invalid

if TYPE_CHECKING:
    from batchpredict.local.bigquery.warehouse import Warehouse

Field = dict[str, Any]
PREDICTION: Field = {"name": "prediction", "type": "STRING", "mode": "NULLABLE"}
ERRORS: Field = {
    "name": "errors",
    "type": "RECORD",
    "mode": "NULLABLE",
    "fields": [
        {"name": "code", "type": "INTEGER", "mode": "NULLABLE"},
        {"name": "message", "type": "STRING", "mode": "NULLABLE"},
    ],
}


class Tables(NamedTuple):
    """Where a job writes.

    Attributes:
        project: The project.
        dataset: The dataset.
        predictions: Table of the predictions.
        errors: Table of the rows without one.
        made: Whether the job makes the dataset.
        fresh: Whether the table of predictions was named by the user, and must not exist.
    """

    project: str
    dataset: str
    predictions: str
    errors: str
    made: bool
    fresh: bool

    @classmethod
    def of(cls, uri: str, model: Any, moment: datetime.datetime, number: str) -> "Tables":
        """Return the tables of a job.

        Args:
            uri: Of the destination, ``bq://project[.dataset[.table]]``.
            model: The model, whose name a new dataset bears.
            moment: When the job was made; no other job has it.
            number: What real names end with, behind the time.
        """
        found: Place = place("output_config.bigquery_destination.output_uri", uri)
        stamp = moment.strftime("%Y_%m_%dT%H_%M_%S_%f")[:-3] + "Z"
        if not found.dataset:
            name = re.sub(r"[^A-Za-z0-9_]", "_", model.display_name)
            dataset = f"prediction_{name}_{stamp}"
            return cls(found.project, dataset, "predictions", "errors", True, False)
        table = found.table or f"predictions_{stamp}_{number}"
        errors = f"errors_{stamp}_{number}"
        return cls(found.project, found.dataset, table, errors, False, bool(found.table))


def output_tables(job: Any, model: Any) -> Tables:
    """Return the tables of a job that has begun."""
    return Tables.of(
        job.output_config.bigquery_destination.output_uri,
        model,
        job.start_time,
        job.name.rpartition("/")[2][-3:],
    )


class TableOutput:
    """The tables of one job.

    Args:
        warehouse: Where they are.
        tables: Their names.
        source: The instances; a table knows its columns.

    Raises:
        ServiceError: There is no such dataset, or the table is there, or a column collides.
    """

    def __init__(self, warehouse: "Warehouse", tables: Tables, source: Source) -> None:
        self._warehouse = warehouse
        self._tables = tables
        self._source = source
        self._columns: list[Field] = [dict(it) for it in getattr(source, "fields", ())]
        self._from_table = bool(self._columns)
        self._refuse_collision()
        try:
            self._check()
        except BigQueryError as error:
            raise service_error(error) from error
        self._files = {name: self._new_file() for name in (PREDICTION["name"], ERRORS["name"])}
        self._counts = dict.fromkeys(self._files, 0)

    def _new_file(self) -> Path:
        return self._warehouse.exchange / f"{secrets.token_hex(16)}.jsonl"

    def _check(self) -> None:
        tables = self._tables
        with self._warehouse.reading() as catalogue:
            if not tables.made:
                catalogue.dataset(tables.project, tables.dataset)
            name = (tables.project, tables.dataset, tables.predictions)
            if tables.fresh and catalogue.find_table(name) is not None:
                raise BigQueryError(
                    409, "duplicate", f"Already Exists: Table {':'.join(name[:2])}.{name[2]}"
                )

    def _refuse_collision(self) -> None:
        names = {it["name"].lower() for it in self._columns}
        taken = names & {PREDICTION["name"], ERRORS["name"]}
        if taken:
            raise invalid(f"the input has a column {taken.pop()!r}, which the output needs")

    def write(self, answers: Answers) -> None:
        """Take the answers to a batch."""
        rows = [
            self._cells(row) | {"prediction": json_text(prediction)}
            for row, prediction in zip(answers.rows, answers.predictions, strict=True)
        ]
        self._append(PREDICTION["name"], rows)

    def fail(self, rows: Sequence[Row], message: str) -> None:
        """Take instances that have no answer."""
        error = {"code": str(code_pb2.INTERNAL), "message": message}
        self._append(ERRORS["name"], [self._cells(row) | {"errors": error} for row in rows])

    def _append(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        with self._files[name].open("a", encoding="utf-8") as file:
            file.write(lines)
        self._counts[name] += len(rows)

    def _cells(self, row: Row) -> dict[str, Any]:
        """Return the columns of an instance as the database reads them."""
        if self._from_table:
            from batchpredict.local.bigquery.values import transported

            pairs = zip(self._columns, row.cells, strict=True)
            return {it["name"]: transported(value, it) for it, value in pairs}
        fields = self._members(row)
        if not self._columns:
            kinds = {"type": "STRING", "mode": "NULLABLE"}
            self._columns = [{"name": _column(name), **kinds} for name in fields]
            self._refuse_collision()
        known = [it["name"] for it in self._columns]
        found = {_column(name): value for name, value in fields.items()}
        if not found.keys() <= set(known) or len(found) < len(fields):
            raise invalid(f"the instances cannot be columns: {', '.join(sorted(found))[:500]}")
        return {name: _text(value) for name, value in found.items()}

    def _members(self, row: Row) -> dict[str, Any]:
        members: dict[str, Any] = json.loads(f"{{{row.echo}}}", parse_constant=str)
        instance = members.pop("instance")
        if isinstance(instance, list) and self._source.names:
            instance = dict(zip(self._source.names, instance, strict=True))
        elif not isinstance(instance, dict):
            instance = {"instance": instance}
        return {**instance, **members}

    def close(self, errors: Mapping[str, int]) -> None:  # noqa: ARG002 - as Output has it
        """Make the tables, all at once; one without rows is not made.

        Raises:
            ServiceError: BigQuery refused.
        """
        try:
            self._publish()
        except BigQueryError as error:
            raise service_error(error) from error
        finally:
            for path in self._files.values():
                path.unlink(missing_ok=True)

    def _publish(self) -> None:
        from batchpredict.local.bigquery.datasets import new_dataset

        tables = self._tables
        with self._warehouse.writing() as catalogue:
            if tables.made:
                new_dataset(catalogue, tables.project, tables.dataset, {})
            self._make(catalogue, tables.predictions, PREDICTION)
            self._make(catalogue, tables.errors, ERRORS)

    def _make(self, catalogue: Any, name: str, last: Field) -> None:
        from batchpredict.local.bigquery.transport import rows_query
        from batchpredict.local.bigquery.writes import new_table_body

        if not self._counts[last["name"]]:
            return
        fields = [{**it, "mode": _optional(it)} for it in self._columns] + [last]
        full = (self._tables.project, self._tables.dataset, name)
        body = {**new_table_body(catalogue, full), "schema": {"fields": fields}}
        catalogue.create_table(full, body, rows_query(self._files[last["name"]], fields))


def _optional(field: Field) -> str:
    return "REPEATED" if field["mode"] == "REPEATED" else "NULLABLE"


def _column(name: str) -> str:
    """Return a name that a column may have."""
    clean = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return clean if clean and not clean[0].isdigit() else f"_{clean}"


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)
