"""Statements that change something: what they ask for, and the SQL that does it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlglot import exp

from batchpredict.local.bigquery.errors import invalid_query, not_tested
from batchpredict.local.bigquery.fields import Field
from batchpredict.local.bigquery.sql import dates, expressions, queries
from batchpredict.local.bigquery.sql.types import field_of
from batchpredict.local.bigquery.sql.writer import Writer, describe, identifier

LOADED = (dates, expressions, queries)  # they register how each node is written
CHANGES = {
    exp.Insert: "INSERT",
    exp.Update: "UPDATE",
    exp.Delete: "DELETE",
    exp.Merge: "MERGE",
}
TRANSACTIONS = {"BEGIN": "BEGIN_TRANSACTION", "COMMIT": "COMMIT_TRANSACTION"}
TRANSACTIONS |= {"ROLLBACK": "ROLLBACK_TRANSACTION"}


def statement_type(node: Any) -> str:
    """Return BigQuery's name for a kind of statement.

    Raises:
        BigQueryError: It is not among the tested ones.
    """
    if isinstance(node, exp.Query):
        return "SELECT"
    if type(node) in CHANGES:
        return CHANGES[type(node)]
    if isinstance(node, exp.TruncateTable):
        return "TRUNCATE_TABLE"
    if isinstance(node, exp.Create | exp.Drop | exp.Alter):
        return _definition(node)
    word = _transaction(node)
    if word is None:
        raise not_tested(describe(node))
    return TRANSACTIONS[word]


def _definition(node: Any) -> str:
    kind = str(node.args.get("kind") or "").upper()
    word = {exp.Create: "CREATE", exp.Drop: "DROP", exp.Alter: "ALTER"}[type(node)]
    if kind not in ("TABLE", "SCHEMA") or (word, kind) == ("ALTER", "SCHEMA"):
        raise not_tested(f"{word} {kind}")
    return f"{word}_{kind}{'_AS_SELECT' if node.args.get('expression') else ''}"


def _transaction(node: Any) -> str | None:
    words = {exp.Transaction: "BEGIN", exp.Commit: "COMMIT", exp.Rollback: "ROLLBACK"}
    if type(node) in words and not any(node.args.values()):
        return words[type(node)]
    if isinstance(node, exp.Command) and f"{node.this} {node.expression}".upper().split() in (
        ["BEGIN", "TRANSACTION"],
        ["COMMIT", "TRANSACTION"],
        ["ROLLBACK", "TRANSACTION"],
    ):
        return str(node.this).upper()
    return None


def table_name(node: Any) -> list[str]:
    """Return the parts of a table's name."""
    if isinstance(node, exp.Schema):
        node = node.this
    if not isinstance(node, exp.Table):
        raise not_tested(f"{describe(node)} in the place of a table")
    return [part.name for part in node.parts]


class Change(NamedTuple):
    """A statement that changes the rows of a table.

    Attributes:
        kind: Such as ``INSERT``.
        table: The parts of the table's name.
        columns: The columns that are written, or nothing for all.
        rows: SQL of the rows that INSERT adds, else "".
        sql: The whole statement otherwise; ``{table}`` stands for the table.
        check: A query that finds rows of the table with two partners, or "".
    """

    kind: str
    table: Sequence[str]
    columns: Sequence[str] = ()
    rows: str = ""
    sql: str = ""
    check: str = ""


TABLE = "{bq-table}"


def change(write: Writer, node: Any) -> Change:
    """Return what a statement of DML does.

    Raises:
        BigQueryError: It, or a part of it, is not among the tested ones.
    """
    writers = {exp.Insert: _insert, exp.Update: _update, exp.Delete: _delete, exp.Merge: _merge}
    return writers[type(node)](write, node)


def _insert(write: Writer, node: Any) -> Change:
    write.check(node, frozenset({"this", "expression"}))
    columns = (
        [it.name for it in node.this.expressions] if isinstance(node.this, exp.Schema) else []
    )
    rows = node.expression
    if isinstance(rows, exp.Values):
        write.check(rows, frozenset({"expressions"}))
        written = f"(VALUES {', '.join(_tuple(write, it) for it in rows.expressions)})"
    else:
        written = write(rows)
    return Change("INSERT", table_name(node.this), columns, rows=written)


def _tuple(write: Writer, node: Any) -> str:
    nodes = node.expressions if isinstance(node, exp.Tuple) else [node]
    return f"({write.list(nodes)})"


def _target(write: Writer, node: Any) -> str:
    write.check(node, frozenset({"this", "db", "catalog", "alias"}))
    return f"{TABLE} AS {identifier(node.alias or table_name(node)[-1].rpartition('.')[2])}"


def _update(write: Writer, node: Any) -> Change:
    write.check(node, frozenset({"this", "expressions", "where"}))
    if node.args.get("where") is None:
        raise invalid_query("UPDATE must have a WHERE clause")
    where = write(node.args["where"].this)
    sql = (
        f"UPDATE {_target(write, node.this)} SET {_assigned(write, node.expressions)} "
        f"WHERE bq_bool({where})"
    )
    return Change("UPDATE", table_name(node.this), sql=sql)


def _assigned(write: Writer, nodes: Sequence[Any]) -> str:
    pieces = []
    for it in nodes:
        if not isinstance(it, exp.EQ) or len(it.this.parts) > 2:
            raise not_tested("SET of a field in a STRUCT")
        pieces.append(f"{identifier(it.this.name)} = {write(it.expression)}")
    return ", ".join(pieces)


def _delete(write: Writer, node: Any) -> Change:
    tables = node.args.get("tables") or [node.this]  # DELETE without FROM is read in this way
    write.check(node, frozenset({"this", "tables", "where"}))
    if node.args.get("where") is None:
        raise invalid_query("DELETE must have a WHERE clause")
    where = write(node.args["where"].this)
    sql = f"DELETE FROM {_target(write, tables[0])} WHERE bq_bool({where})"
    return Change("DELETE", table_name(tables[0]), sql=sql)


def _merge(write: Writer, node: Any) -> Change:
    write.check(node, frozenset({"this", "using", "on", "whens"}))
    target, source = _target(write, node.this), write(node.args["using"])
    on = f"bq_bool({write(node.args['on'])})"
    whens = node.args["whens"].expressions
    pieces = [_when(write, it) for it in whens]
    alias = target.rpartition(" AS ")[2]
    check = (
        f"SELECT count(*) FROM {target} JOIN {source} ON {on} GROUP BY {alias}.rowid "
        "HAVING count(*) > 1 LIMIT 1"
    )
    matched = any(it.args.get("matched") for it in whens)
    sql = f"MERGE INTO {target} USING {source} ON {on} {' '.join(pieces)} RETURNING merge_action"
    return Change("MERGE", table_name(node.this), sql=sql, check=check if matched else "")


def _when(write: Writer, node: Any) -> str:
    write.check(node, frozenset({"matched", "source", "condition", "then"}))
    word = "MATCHED" if node.args.get("matched") else "NOT MATCHED"
    word += " BY SOURCE" if node.args.get("source") else ""
    condition = node.args.get("condition")
    test = f" AND bq_bool({write(condition)})" if condition is not None else ""
    return f"WHEN {word}{test} THEN {_then(write, node.args['then'])}"


def _then(write: Writer, node: Any) -> str:
    if isinstance(node, exp.Var) and node.name.upper() == "DELETE":
        return "DELETE"
    if isinstance(node, exp.Update):
        write.check(node, frozenset({"expressions"}))
        return f"UPDATE SET {_assigned(write, node.expressions)}"
    if not isinstance(node, exp.Insert):
        raise not_tested(describe(node))
    write.check(node, frozenset({"this", "expression"}))
    values = node.args.get("expression")
    if isinstance(values, exp.Column | exp.Var) and values.name.upper() == "ROW":
        return "INSERT *"
    if not isinstance(values, exp.Tuple):
        raise not_tested("INSERT without VALUES in MERGE")
    columns = (
        f"({', '.join(identifier(it.name) for it in node.this.expressions)}) " if node.this else ""
    )
    return f"INSERT {columns}VALUES ({write.list(values.expressions)})"


def column_fields(write: Writer, nodes: Sequence[Any]) -> list[Field]:
    """Return the fields of CREATE TABLE or ADD COLUMN."""
    found = []
    for node in nodes:
        if not isinstance(node, exp.ColumnDef):
            raise not_tested(f"{describe(node)} among columns")
        write.check(node, frozenset({"this", "kind", "constraints", "exists"}))
        field = field_of(node.args["kind"], node.name)
        for constraint in node.args.get("constraints") or ():
            if not isinstance(constraint.args.get("kind"), exp.NotNullColumnConstraint):
                raise not_tested("a column with anything but NOT NULL")
            field["mode"] = "REQUIRED"
        found.append(field)
    return found
