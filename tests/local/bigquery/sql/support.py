"""A way to ask for the value of a statement. No tests."""

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from batchpredict.local.bigquery.sql.dialect import parse
from batchpredict.local.bigquery.sql.statements import statement_type
from batchpredict.local.bigquery.sql.writer import Context, Writer
from batchpredict.local.bigquery.warehouse import Warehouse

Evaluate = Callable[..., list[Any]]
MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def no_table(parts: Sequence[str]) -> str:
    raise AssertionError(f"there is no table {parts}")


def evaluator(warehouse: Warehouse) -> Evaluate:
    """Return a function from a query to its rows as DuckDB gives them."""

    def evaluate(sql: str, now: datetime.datetime = MOMENT) -> list[Any]:
        [tree] = parse(sql)
        assert statement_type(tree) == "SELECT"
        with warehouse.reading() as catalogue:
            written = Writer(Context(no_table, now))(tree)
            found: list[Any] = catalogue.connection.execute(written).fetchall()
        return found

    return evaluate
