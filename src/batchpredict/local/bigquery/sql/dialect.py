"""GoogleSQL as a tree, every function by the name that the statement gives it."""

from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.errors import SqlglotError

from batchpredict.local.bigquery.errors import invalid_query
from batchpredict.local.bigquery.sql.literals import plain

LONGEST = 1 << 20
KEPT_PARSERS = ("ARRAY", "CAST", "EXTRACT", "SAFE_CAST")


class GoogleSql(BigQuery):
    """BigQuery's dialect without what the parser knows about functions.

    It would turn one into another where it takes them for equal; here only a tested list says
    what a function is.
    """

    class Parser(BigQuery.Parser):  # type: ignore[misc, valid-type]
        """Reads a function as its name and arguments."""

        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012 - as the base class has it
        FUNCTION_PARSERS = {  # noqa: RUF012
            name: BigQuery.Parser.FUNCTION_PARSERS[name] for name in KEPT_PARSERS
        }


def parse(sql: str) -> list[exp.Expr]:
    """Return the statements.

    Raises:
        BigQueryError: They cannot be read.
    """
    if len(sql) > LONGEST:
        raise invalid_query("The query is too large. The maximum standard SQL query length is 1M")
    try:
        trees = sqlglot.parse(plain(sql), read=GoogleSql)
    except (SqlglotError, RecursionError) as error:
        reason = " ".join(str(error).replace("\x1b[4m", "").replace("\x1b[0m", "").split())
        raise invalid_query(f"Syntax error: {reason[:500]}") from error
    found = [tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)]
    if not found:
        raise invalid_query("Syntax error: Unexpected end of statement")
    return found
