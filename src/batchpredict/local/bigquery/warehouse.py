"""The database file: tables by a name of their own, and the catalogue of what they are.

Data and catalogue change in one transaction, so that a killed session leaves both or neither.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from batchpredict.local.bigquery.api import MARKS
from batchpredict.local.bigquery.catalogue import CATALOGUE, Catalogue
from batchpredict.local.bigquery.errors import BigQueryError, invalid, invalid_query
from batchpredict.local.bigquery.fields import text
from batchpredict.local.bigquery.sql.fingerprint import farm_fingerprint
from batchpredict.local.bigquery.sql.prelude import macros

MESSAGES = 1000
Clock = Callable[[], float]


class Warehouse:
    """One DuckDB over the folder of the state. One writes at a time, any number read.

    SQL cannot reach a file but those in ``exchange``, whose names nobody can guess and which no
    statement of a user can spell: functions that read files are not among the tested ones.

    Args:
        root: Folder of the database.
        clock: Tells the seconds since 1970.

    Attributes:
        exchange: Folder for files on their way in or out.
        marks: Folder with an empty file for each job that runs; it tells the next session of a
            killed one, before that opens the database.
        clock: As given.
    """

    def __init__(self, root: Path, clock: Clock) -> None:
        self.clock = clock
        self.exchange = root / "exchange"
        self.marks = root / MARKS
        for folder in (self.exchange, self.marks):
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.iterdir():
                left.unlink()
        self._lock = threading.RLock()
        self._root = duckdb.connect(":memory:")
        self._open(root)

    def _open(self, root: Path) -> None:
        connection = self._root
        connection.execute(f"ATTACH {text(str(root / 'data.duckdb'))} AS store")
        connection.execute(f"SET GLOBAL temp_directory = {text(str(root / 'spill'))}")
        connection.execute(f"SET GLOBAL allowed_directories = [{text(str(self.exchange) + '/')}]")
        connection.execute("SET GLOBAL enable_external_access = false")
        connection.execute("SET GLOBAL autoinstall_known_extensions = false")
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.execute("SET GLOBAL lock_configuration = true")
        connection.create_function("bq_fingerprint", farm_fingerprint, ["BLOB"], "BIGINT")
        for statement in (*macros(), *CATALOGUE):
            connection.execute(statement)

    def close(self) -> None:
        """Write everything into the file and let go of it."""
        with self._lock:
            self._root.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Catalogue]:
        """Yield the catalogue and its connection, as they are now and stay for the block."""
        connection = self._root.cursor()
        try:
            connection.execute("BEGIN TRANSACTION")
            yield Catalogue(connection, self.clock)
        except duckdb.Error as error:
            raise refusal(error) from error
        finally:
            connection.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[Catalogue]:
        """Yield the catalogue for changes, which count all at once when the block ends."""
        with self._lock, contextlib.closing(self._root.cursor()) as connection:
            connection.execute("BEGIN TRANSACTION")
            try:
                yield Catalogue(connection, self.clock)
                connection.execute("COMMIT")
            except duckdb.Error as error:
                _undo(connection)
                raise refusal(error) from error
            except BaseException:
                _undo(connection)
                raise

    def running(self) -> "contextlib.closing[Any]":
        """Return a connection for one job, which may be interrupted."""
        return contextlib.closing(self._root.cursor())

    @property
    def lock(self) -> threading.RLock:
        """What a writer holds."""
        return self._lock


def _undo(connection: Any) -> None:
    with contextlib.suppress(duckdb.Error):  # the statement that failed has ended it
        connection.execute("ROLLBACK")


def refusal(error: duckdb.Error) -> BigQueryError:
    """Return what an error of the engine means to the client."""
    message = str(error).split("\n\nLINE ")[0].strip()
    for prefix in ("Invalid Input Error: ", "Binder Error: ", "Conversion Error: "):
        message = message.removeprefix(prefix)
    message = message[:MESSAGES]
    if isinstance(error, duckdb.InterruptException):
        return stopped()
    if isinstance(error, duckdb.IOException):
        return BigQueryError(507, "resourcesExceeded", message)
    if isinstance(error, duckdb.ConstraintException):
        return invalid(f"Required field cannot be null: {message}")
    return invalid_query(message)


def stopped() -> BigQueryError:
    """Return what a job that was cancelled has failed for."""
    message = "Job execution was cancelled: User requested cancellation"
    return BigQueryError(499, "stopped", message)
