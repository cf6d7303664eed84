"""Carries out the configuration of a job, whatever its kind, inside one transaction or more."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from batchpredict.local.bigquery.catalogue import Catalogue
from batchpredict.local.bigquery.copies import copy
from batchpredict.local.bigquery.errors import invalid_query
from batchpredict.local.bigquery.extracts import extract
from batchpredict.local.bigquery.loads import load
from batchpredict.local.bigquery.parameters import parameters
from batchpredict.local.bigquery.scripts import Done, Runner, Session
from batchpredict.local.bigquery.sql.dialect import parse
from batchpredict.local.bigquery.sql.statements import statement_type
from batchpredict.local.bigquery.warehouse import Warehouse, refusal, stopped
from batchpredict.local.bigquery.writes import Destination
from batchpredict.local.storage.objects import ObjectStore

USER = "local@localhost"
Finish = Callable[[Catalogue, dict[str, Any]], None]


class Work:
    """One job that runs.

    Args:
        warehouse: Where its tables are.
        store: Where its files are.
        connection: Its own; another thread may interrupt it.
        data: The uploaded file of a load, or None.
        cancelled: Whether somebody has asked the job to stop.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        store: ObjectStore,
        connection: Any,
        data: Path | None,
        cancelled: Callable[[], bool],
    ) -> None:
        self._cancelled = cancelled
        self._warehouse = warehouse
        self._store = store
        self._connection = connection
        self._data = data

    def run(self, job: dict[str, Any], finish: Finish) -> None:
        """Carry out a job; its last change and its end count together.

        Args:
            job: The job.
            finish: Writes the end of the job, given its statistics.

        Raises:
            BigQueryError: It failed; what the last transaction did is undone.
        """
        configuration = job["configuration"]
        if "query" in configuration:
            self._query(job, finish)
            return
        with self._transaction() as catalogue:
            if "load" in configuration:
                found = load(
                    catalogue, self._store, self._warehouse, configuration["load"], self._data
                )
            elif "copy" in configuration:
                found = copy(catalogue, configuration["copy"])
            else:
                found = extract(catalogue, self._store, self._warehouse, configuration["extract"])
            finish(catalogue, found)

    @contextlib.contextmanager
    def _transaction(self) -> Any:
        connection = self._connection
        with self._warehouse.lock:
            if self._cancelled():
                raise stopped()
            connection.execute("BEGIN TRANSACTION")
            try:
                yield Catalogue(connection, self._warehouse.clock)
                connection.execute("COMMIT")
            except BaseException as error:
                with contextlib.suppress(duckdb.Error):
                    connection.execute("ROLLBACK")
                if isinstance(error, duckdb.Error):
                    raise refusal(error) from error
                raise

    def _query(self, job: dict[str, Any], finish: Finish) -> None:
        wanted = job["configuration"]["query"]
        session = session_of(job["jobReference"]["projectId"], wanted)
        groups = transactions(parse(wanted["query"]))
        single = sum(map(len, groups)) == 1
        done: list[Done] = []
        for number, group in enumerate(groups):
            with self._transaction() as catalogue:
                runner = Runner(catalogue, session)
                done += [runner.run(tree) for tree in group]
                if number == len(groups) - 1:
                    finish(catalogue, query_statistics(done, single))


def transactions(trees: list[Any]) -> list[list[Any]]:
    """Return the statements in groups that count together: those of a transaction, or one alone.

    Raises:
        BigQueryError: A transaction does not end, or ends without a beginning.
    """
    groups: list[list[Any]] = []
    inside: list[Any] | None = None
    for tree in trees:
        kind = statement_type(tree)
        if kind == "BEGIN_TRANSACTION":
            if inside is not None:
                raise invalid_query("Transaction is already in progress")
            inside = []
        elif kind in ("COMMIT_TRANSACTION", "ROLLBACK_TRANSACTION"):
            if inside is None:
                raise invalid_query("There is no transaction in progress")
            groups += [inside] if kind.startswith("COMMIT") else []
            inside = None
        elif inside is None:
            groups.append([tree])
        else:
            inside.append(tree)
    if inside is not None:
        raise invalid_query("E370 a transaction that the script leaves open is not emulated")
    return groups or [[]]


def session_of(project: str, wanted: Mapping[str, Any]) -> Session:
    """Return what the configuration of a query says to its statements."""
    given = wanted.get("defaultDataset") or {}
    dataset = given.get("datasetId")
    mode = str(wanted.get("parameterMode") or "")
    named, positional = parameters(wanted.get("queryParameters"), mode)
    configured = Destination.of(wanted, "WRITE_EMPTY") if wanted.get("destinationTable") else None
    default = (given.get("projectId") or project, dataset) if dataset else None
    return Session(project, default, USER, named, positional, configured)


def query_statistics(done: list[Done], single: bool) -> dict[str, Any]:
    """Return what a job says of its query."""
    size = str(sum(it.bytes for it in done))
    last = done[-1] if done else Done("SCRIPT")
    kind = last.kind if single else "SCRIPT"
    found: dict[str, Any] = {
        "query": {
            **(last.statistics if single else {}),
            "statementType": kind,
            "cacheHit": False,
            "totalBytesProcessed": size,
            "totalBytesBilled": size,
            "billingTier": 1,
            "totalSlotMs": "0",
        },
        "totalBytesProcessed": size,
    }
    if last.fields:
        found["query"]["schema"] = {"fields": list(last.fields)}
    if last.destination:
        found["destination"] = last.destination
    return found


def dry_run(warehouse: Warehouse, project: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the statistics of a query that is not run.

    Raises:
        BigQueryError: The query is wrong.
    """
    session = session_of(project, wanted)
    trees = parse(wanted["query"])
    with warehouse.reading() as catalogue:
        done = [Runner(catalogue, session).run(tree, effect=False) for tree in trees]
    return query_statistics(done, len(done) == 1)
