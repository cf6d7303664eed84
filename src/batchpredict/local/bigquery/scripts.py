"""Carries out the statements of a query job, one after another."""

import datetime
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from batchpredict.local.bigquery.catalogue import Catalogue, Name, Table
from batchpredict.local.bigquery.definitions import define
from batchpredict.local.bigquery.errors import invalid_query, not_tested
from batchpredict.local.bigquery.fields import Field, duckdb_type, field_of, quoted
from batchpredict.local.bigquery.partitions import Partition, split_decorator
from batchpredict.local.bigquery.sizes import table_bytes
from batchpredict.local.bigquery.sql.statements import (
    CHANGES,
    TABLE,
    Change,
    change,
    statement_type,
)
from batchpredict.local.bigquery.sql.writer import Context, Writer
from batchpredict.local.bigquery.writes import Destination, append, write_rows

DAY_MS = 24 * 3600 * 1000
RESULTS_KEPT = 200
DEFINITIONS = ("CREATE", "DROP", "ALTER", "TRUNCATE")


@dataclass
class Done:
    """What a statement did.

    Attributes:
        kind: BigQuery's name for it.
        fields: The columns of its result.
        destination: Where its rows are.
        statistics: Of the query, as the job carries them.
        bytes: Of the tables that it read.
    """

    kind: str
    fields: Sequence[Field] = ()
    destination: Name | None = None
    statistics: dict[str, Any] = field(default_factory=dict)
    bytes: int = 0


@dataclass
class Session:
    """What the statements of one job share.

    Attributes:
        project: That tables without one are in.
        dataset: Project and dataset of tables without one, or nothing.
        user: Who asks; results of queries are hidden by it.
        named: SQL of the named parameters.
        positional: SQL of the others.
        configured: What the job says of its destination, or None.
    """

    project: str
    dataset: tuple[str, str] | None
    user: str
    named: Mapping[str, str]
    positional: Sequence[str]
    configured: Destination | None = None


class Runner:
    """Carries out statements inside a transaction.

    Args:
        catalogue: The transaction.
        session: What the job says.
    """

    def __init__(self, catalogue: Catalogue, session: Session) -> None:
        self._catalogue = catalogue
        self._session = session
        self._read: list[Table] = []

    def run(self, tree: Any, *, effect: bool = True) -> Done:
        """Carry out one statement; without effect only say what it would do."""
        kind = statement_type(tree)
        now = datetime.datetime.fromtimestamp(self._catalogue.clock(), datetime.UTC)
        session = self._session
        write = Writer(Context(self._resolve, now, session.named, session.positional))
        if type(tree) in CHANGES:
            done = self._change(change(write, tree), effect)
        elif kind == "SELECT":
            done = self._select(write(tree), effect)
        elif kind.startswith(DEFINITIONS):
            done = Done(kind, statistics=define(self, kind, tree, write, effect))
        else:
            raise not_tested(f"{kind.replace('_', ' ')} here")
        if write.used < len(session.positional) and kind == "SELECT":
            raise invalid_query("Too many positional parameters were given")
        done.bytes = sum(table_bytes(self._catalogue.connection, it) for it in self._read)
        references = [_reference(it.name) for it in self._read if not it.name[1].startswith("_")]
        if references:
            done.statistics["referencedTables"] = references
        return done

    def name(self, parts: Sequence[str]) -> Name:
        """Return project, dataset and table of a name in a statement."""
        pieces = [piece for part in parts for piece in part.split(".")]
        if len(pieces) > 3 and ":" in pieces[0]:  # a project of an organisation's domain
            pieces = [".".join(pieces[:-2]), *pieces[-2:]]
        if len(pieces) == 3:
            return pieces[0], pieces[1], pieces[2]
        if len(pieces) == 2:
            return self._session.project, pieces[0], pieces[1]
        if len(pieces) > 3:
            raise invalid_query(f"Invalid table name: {'.'.join(pieces)}")
        if self._session.dataset is None:
            raise invalid_query(
                f'Table "{pieces[0]}" must be qualified with a dataset (e.g. dataset.table).'
            )
        return *self._session.dataset, pieces[0]

    @property
    def catalogue(self) -> Catalogue:
        """The transaction."""
        return self._catalogue

    @property
    def session(self) -> Session:
        """What the job says."""
        return self._session

    def _resolve(self, parts: Sequence[str]) -> str:
        if any("*" in part for part in parts):
            raise not_tested("a wildcard table")
        if any("INFORMATION_SCHEMA" in part.upper() for part in parts):
            raise not_tested("INFORMATION_SCHEMA")
        project, dataset, name = self.name(parts)
        base, decorator = split_decorator(name)
        table = self._catalogue.table((project, dataset, base))
        if all(it.name != table.name for it in self._read):
            self._read.append(table)
        condition = f" WHERE {Partition.of(table, decorator).condition}" if decorator else ""
        # The order of fields is that of the schema; without columns nothing can be selected.
        columns = ", ".join(quoted(it["name"]) for it in table.fields)
        return f"(SELECT {columns} FROM {table.sql}{condition})" if columns else table.sql

    def _select(self, sql: str, effect: bool) -> Done:
        fields = bound_fields(self._catalogue.connection, sql)
        if not effect:
            return Done("SELECT", fields)
        destination = self._session.configured or Destination(
            anonymous_table(self._session.project, self._session.user), "WRITE_TRUNCATE"
        )
        table, _ = write_rows(self._catalogue, destination, fields, finished(fields, sql))
        if self._session.configured is None:
            moment = int(self._catalogue.now()) + DAY_MS
            table.body |= {"expirationTime": str(moment)}
            self._catalogue.put_table(table)
            self._catalogue.prune_results(RESULTS_KEPT)
        return Done("SELECT", fields, destination.name)

    def _change(self, wanted: Change, effect: bool) -> Done:
        if self._session.configured is not None:
            raise invalid_query("Cannot set destination table in jobs with DML statements")
        table = self._catalogue.table(self.name(wanted.table))
        connection = self._catalogue.connection
        if wanted.rows:
            counts = self._insert(table, wanted, effect)
        else:
            sql = wanted.sql.replace(TABLE, table.sql)
            if not effect:
                connection.execute(f"EXPLAIN {sql}")
                return Done(wanted.kind)
            self._check_partners(wanted, table)
            counts = _counts(wanted.kind, connection.execute(sql).fetchall())
            self._catalogue.put_table(table)
        if all(it.name != table.name for it in self._read):
            self._read.append(table)
        return Done(wanted.kind, statistics=dml_statistics(counts) if effect else {})

    def _check_partners(self, wanted: Change, table: Table) -> None:
        sql = wanted.check.replace(TABLE, table.sql)
        if sql and self._catalogue.connection.execute(sql).fetchall():
            raise invalid_query(
                "UPDATE/MERGE must match at most one source row for each target row"
            )

    def _insert(self, table: Table, wanted: Change, effect: bool) -> dict[str, int]:
        known = {it["name"].lower(): it for it in table.fields}
        unknown = [name for name in wanted.columns if name.lower() not in known]
        if unknown:
            raise invalid_query(f"Column {unknown[0]} is not present in table {table.name[2]}")
        targets = [known[it.lower()] for it in wanted.columns] or list(table.fields)
        found = bound_fields(self._catalogue.connection, wanted.rows, strict=False)
        if len(found) != len(targets):
            raise invalid_query(
                f"Inserted row has wrong column count; Has {len(found)}, expected {len(targets)}"
            )
        fields = [_as_target(it, to, wanted) for it, to in zip(found, targets, strict=True)]
        names = ", ".join(quoted(it["name"]) for it in fields)
        source = f"SELECT * FROM ({wanted.rows}) AS r({names})"
        if not effect:
            return {}
        return {"insertedRowCount": append(self._catalogue, table, _APPEND, fields, source)}


_APPEND = Destination(("", "", ""))


def _as_target(given: Field, target: Field, wanted: Change) -> Field:
    """Return the field of inserted values; a literal text may stand for a date or time."""
    literal = given["type"] == "STRING" and wanted.rows.startswith("(VALUES ")
    dated = target["type"] in ("DATE", "TIME", "DATETIME", "TIMESTAMP")
    same = literal and dated and given["mode"] == target["mode"] != "REPEATED"
    nothing = given.get("nothing")
    return target if same or nothing else {**given, "name": target["name"]}


def bound_fields(connection: Any, sql: str, *, strict: bool = True) -> list[Field]:
    """Return the columns of a query without running it.

    Raises:
        BigQueryError: Two have one name, or one has a type that BigQuery has not.
    """
    relation = connection.sql(sql)
    pairs = list(zip(relation.columns, relation.types, strict=True))
    fields = [
        field_of(name, kind) | ({"nothing": True} if str(kind) == '"NULL"' and not strict else {})
        for name, kind in pairs
    ]
    names = [it["name"].lower() for it in fields]
    double = next((name for name in names if names.count(name) > 1), None)
    if double and strict:
        raise invalid_query(
            "Duplicate column names in the result are not supported when a destination table is "
            f"present. Found duplicate(s): {double}"
        )
    return fields


def finished(fields: Sequence[Field], sql: str) -> str:
    """Return a query with the types that BigQuery has; an array must not hold NULL."""
    columns = []
    for it in fields:
        name = quoted(it["name"])
        value = f"coalesce(bq_array({name}), [])" if it["mode"] == "REPEATED" else name
        columns.append(f"CAST({value} AS {duckdb_type(it)}) AS {name}")
    return f"SELECT {', '.join(columns)} FROM ({sql})"


def anonymous_table(project: str, user: str) -> Name:
    """Return a name for the result of a query that nobody named."""
    digest = hashlib.sha256(f"{project} {user}".encode()).hexdigest()
    return project, f"_{digest[:40]}", f"anon{secrets.token_hex(32)}"


def _counts(kind: str, rows: Sequence[Any]) -> dict[str, int]:
    if kind == "MERGE":
        actions = [str(row[0]).upper() for row in rows]
        return {
            "insertedRowCount": actions.count("INSERT"),
            "updatedRowCount": actions.count("UPDATE"),
            "deletedRowCount": actions.count("DELETE"),
        }
    return {f"{kind.lower()}dRowCount": int(rows[0][0])}


def dml_statistics(counts: Mapping[str, int]) -> dict[str, Any]:
    """Return what a job says of changed rows."""
    names = ("insertedRowCount", "deletedRowCount", "updatedRowCount")
    stats = {name: str(counts[name]) for name in names if name in counts}
    return {"numDmlAffectedRows": str(sum(counts.values())), "dmlStats": stats}


def _reference(name: Name) -> dict[str, str]:
    return dict(zip(("projectId", "datasetId", "tableId"), name, strict=True))
