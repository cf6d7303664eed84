"""What datasets, tables and jobs there are, seen inside one transaction."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from batchpredict.local.bigquery.errors import not_found
from batchpredict.local.bigquery.fields import Field, column_definitions, quoted

CATALOGUE = (
    "CREATE TABLE IF NOT EXISTS store._datasets (project VARCHAR, dataset VARCHAR, body VARCHAR)",
    "CREATE TABLE IF NOT EXISTS store._tables "
    "(project VARCHAR, dataset VARCHAR, name VARCHAR, place VARCHAR, body VARCHAR)",
    "CREATE TABLE IF NOT EXISTS store._jobs "
    "(project VARCHAR, location VARCHAR, job VARCHAR, created BIGINT, body VARCHAR)",
)
HIDDEN = "_"
Name = tuple[str, str, str]


@dataclass
class Table:
    """A table: its resource without what is counted, and where its rows are.

    Attributes:
        name: Project, dataset and table.
        place: The table of the database.
        body: Its resource.
    """

    name: Name
    place: str
    body: dict[str, Any]

    @property
    def fields(self) -> list[Field]:
        """The columns."""
        found: list[Field] = self.body.get("schema", {}).get("fields", [])
        return found

    @property
    def sql(self) -> str:
        """The table as SQL."""
        return f"store.main.{quoted(self.place)}"


@dataclass
class Catalogue:
    """The catalogue as one transaction sees it.

    Attributes:
        connection: The transaction.
        clock: Tells the seconds since 1970.
    """

    connection: Any
    clock: Callable[[], float] = field(repr=False)

    def _rows(self, sql: str, values: Sequence[Any]) -> list[Any]:
        found: list[Any] = self.connection.execute(sql, list(values)).fetchall()
        return found

    def now(self) -> str:
        """Return the time as resources hold it, in milliseconds."""
        return str(int(self.clock() * 1000))

    def datasets(self, project: str) -> list[dict[str, Any]]:
        """Return the datasets of a project by name."""
        sql = "SELECT body FROM store._datasets WHERE project = ? ORDER BY dataset"
        return [json.loads(body) for (body,) in self._rows(sql, [project])]

    def find_dataset(self, project: str, dataset: str) -> dict[str, Any] | None:
        """Return a dataset, or None."""
        sql = "SELECT body FROM store._datasets WHERE project = ? AND dataset = ?"
        rows = self._rows(sql, [project, dataset])
        return json.loads(rows[0][0]) if rows else None

    def dataset(self, project: str, dataset: str) -> dict[str, Any]:
        """Return a dataset; raise notFound when there is none."""
        found = self.find_dataset(project, dataset)
        if found is None:
            raise not_found("Dataset", f"{project}:{dataset}")
        return found

    def put_dataset(self, project: str, dataset: str, body: dict[str, Any]) -> None:
        """Create or replace a dataset."""
        self._forget("_datasets", "project = ? AND dataset = ?", [project, dataset])
        sql = "INSERT INTO store._datasets VALUES (?, ?, ?)"
        self.connection.execute(sql, [project, dataset, json.dumps(body)])

    def drop_dataset(self, project: str, dataset: str) -> None:
        """Remove a dataset with its tables."""
        for table in self.tables(project, dataset, expired=True):
            self.drop_table(table)
        self._forget("_datasets", "project = ? AND dataset = ?", [project, dataset])

    def tables(self, project: str, dataset: str, *, expired: bool = False) -> list[Table]:
        """Return the tables of a dataset by name."""
        sql = (
            "SELECT name, place, body FROM store._tables WHERE project = ? AND dataset = ? "
            "ORDER BY name"
        )
        rows = self._rows(sql, [project, dataset])
        tables = [Table((project, dataset, row[0]), row[1], json.loads(row[2])) for row in rows]
        return [table for table in tables if expired or not self._expired(table)]

    def find_table(self, name: Name) -> Table | None:
        """Return a table, or None; one whose time is over is none."""
        sql = (
            "SELECT place, body FROM store._tables WHERE project = ? AND dataset = ? AND name = ?"
        )
        rows = self._rows(sql, name)
        table = Table(name, rows[0][0], json.loads(rows[0][1])) if rows else None
        return None if table is None or self._expired(table) else table

    def table(self, name: Name) -> Table:
        """Return a table; raise notFound when there is none, or no such dataset."""
        found = self.find_table(name)
        if found is None:
            if not name[1].startswith(HIDDEN):
                self.dataset(*name[:2])
            raise not_found("Table", f"{name[0]}:{name[1]}.{name[2]}")
        return found

    def _expired(self, table: Table) -> bool:
        moment = int(table.body.get("expirationTime") or 0)
        return 0 < moment <= self.clock() * 1000

    def create_table(self, name: Name, body: dict[str, Any], source: str = "") -> Table:
        """Make a table, in the place of one of the same name; ``source`` is a query for its rows.

        The columns of ``source`` are those of the schema, in the same order.
        """
        self._remove(name)
        table = Table(name, f"t{secrets.token_hex(12)}", dict(body))
        created = self.now()
        table.body = {"creationTime": created, **table.body}
        columns = column_definitions(table.fields) or '"_none" BOOLEAN'
        self.connection.execute(f"CREATE TABLE {table.sql} ({columns})")
        if source:
            self.connection.execute(f"INSERT INTO {table.sql} {source}")
        self.put_table(table)
        return table

    def _remove(self, name: Name) -> None:
        sql = "SELECT place FROM store._tables WHERE project = ? AND dataset = ? AND name = ?"
        for (place,) in self._rows(sql, name):
            self.connection.execute(f"DROP TABLE store.main.{quoted(place)}")
        self._forget("_tables", "project = ? AND dataset = ? AND name = ?", name)

    def put_table(self, table: Table) -> None:
        """Say that a table, or its rows, have changed."""
        self._forget("_tables", "project = ? AND dataset = ? AND name = ?", table.name)
        table.body |= {"lastModifiedTime": self.now(), "etag": secrets.token_hex(8)}
        sql = "INSERT INTO store._tables VALUES (?, ?, ?, ?, ?)"
        self.connection.execute(sql, [*table.name, table.place, json.dumps(table.body)])

    def drop_table(self, table: Table) -> None:
        """Remove a table with its rows."""
        self._remove(table.name)

    def drop_expired(self) -> None:
        """Remove the tables whose time is over."""
        for table in self._all_tables("true"):
            if self._expired(table):
                self.drop_table(table)

    def prune_results(self, kept: int) -> None:
        """Remove the oldest results of queries that nobody named, but for so many."""
        hidden = f"starts_with(dataset, '{HIDDEN}') ORDER BY rowid DESC LIMIT ALL OFFSET {kept}"
        for table in self._all_tables(hidden):
            self.drop_table(table)

    def _all_tables(self, where: str) -> list[Table]:
        sql = f"SELECT project, dataset, name, place, body FROM store._tables WHERE {where}"
        rows = self._rows(sql, [])
        return [Table((row[0], row[1], row[2]), row[3], json.loads(row[4])) for row in rows]

    def find_job(self, project: str, job: str, location: str = "") -> dict[str, Any] | None:
        """Return a job, or None; without a location of any."""
        sql = (
            "SELECT body FROM store._jobs WHERE project = ? AND job = ? AND (? = '' OR "
            "lower(location) = lower(?)) ORDER BY created DESC LIMIT 1"
        )
        rows = self._rows(sql, [project, job, location, location])
        return json.loads(rows[0][0]) if rows else None

    def jobs(self, project: str) -> list[dict[str, Any]]:
        """Return the jobs of a project, the newest first."""
        sql = "SELECT body FROM store._jobs WHERE project = ? ORDER BY created DESC, job DESC"
        return [json.loads(body) for (body,) in self._rows(sql, [project])]

    def unfinished_jobs(self) -> list[dict[str, Any]]:
        """Return the jobs that have not ended."""
        sql = """SELECT body FROM store._jobs WHERE body NOT LIKE '%"state": "DONE"%'"""
        found = [json.loads(body) for (body,) in self._rows(sql, [])]
        return [job for job in found if job["status"]["state"] != "DONE"]

    def put_job(self, job: dict[str, Any]) -> None:
        """Create or replace a job."""
        reference = job["jobReference"]
        key = [reference["projectId"], reference["location"], reference["jobId"]]
        self.drop_job(*key)
        created = int(job["statistics"]["creationTime"])
        sql = "INSERT INTO store._jobs VALUES (?, ?, ?, ?, ?)"
        self.connection.execute(sql, [*key, created, json.dumps(job)])

    def drop_job(self, project: str, location: str, job: str) -> None:
        """Forget a job."""
        where = "project = ? AND location = ? AND job = ?"
        self._forget("_jobs", where, [project, location, job])

    def _forget(self, table: str, where: str, values: Sequence[Any]) -> None:
        self.connection.execute(f"DELETE FROM store.{table} WHERE {where}", list(values))
