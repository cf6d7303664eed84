"""How queries are written: SELECT and its clauses, joins, sets of rows."""

from typing import Any

from sqlglot import exp

from batchpredict.local.bigquery.errors import not_tested
from batchpredict.local.bigquery.sql.aggregates import window
from batchpredict.local.bigquery.sql.structs import check_alike, struct
from batchpredict.local.bigquery.sql.writer import Writer, describe, identifier, rule

SELECT = (
    "with_ kind distinct expressions from_ laterals joins where group having qualify windows "
    "order limit offset"
)
SETS = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}
SIDES = {"", "LEFT", "RIGHT", "FULL"}


@rule(exp.Select, parts=SELECT)
def _select(write: Writer, node: Any) -> str:
    with _Names(write, node) as names:
        pieces = [names, "SELECT"]
        if distinct := node.args.get("distinct"):
            write.check(distinct, frozenset())
            pieces.append("DISTINCT")
        source, guards = _source(write, node)
        own = {it.alias.lower() for it in node.expressions if isinstance(it, exp.Alias)}
        outer, write.aliases = write.aliases, own
        pieces += [_projections(write, node), source]
        pieces.append(_where(write, node, guards))
        pieces += [
            _clause(write, node, name) for name in ("group", "having", "windows", "qualify")
        ]
        pieces.append(_tail(write, node))
        write.aliases = outer
        return " ".join(filter(None, pieces))


class _Names:
    """The WITH of a query: its text, while its names hide tables."""

    def __init__(self, write: Writer, node: Any) -> None:
        self._write, self._with = write, node.args.get("with_")

    def __enter__(self) -> str:
        names: set[str] = set()
        self._write.context.hidden.append(names)
        if self._with is None:
            return ""
        self._write.check(self._with, frozenset({"expressions"}))
        written = []
        for table in self._with.expressions:
            self._write.check(table, frozenset({"this", "alias"}))
            if table.args["alias"].args.get("columns"):
                raise not_tested("WITH with names of columns")
            written.append(f"{identifier(table.alias)} AS ({self._write(table.this)})")
            names.add(table.alias.lower())
        return f"WITH {', '.join(written)}"

    def __exit__(self, *_: object) -> None:
        self._write.context.hidden.pop()


def _projections(write: Writer, node: Any) -> str:
    kind = node.args.get("kind")
    if kind not in (None, "STRUCT"):
        raise not_tested(f"SELECT AS {kind}")
    if kind == "STRUCT":
        return struct(write, node.expressions)
    pieces, unnamed = [], 0
    for it in node.expressions:
        written = write(it)
        star = isinstance(it, exp.Star) or isinstance(it.this, exp.Star)
        if not star and not isinstance(it, exp.Alias):
            name = it.name if isinstance(it, exp.Column | exp.Dot) else ""
            if not name:
                name, unnamed = f"f{unnamed}_", unnamed + 1
            written = f"{written} AS {identifier(name)}"
        pieces.append(written)
    return ", ".join(pieces)


@rule(exp.Alias, parts="this alias")
def _alias(write: Writer, node: Any) -> str:
    own = {node.alias.lower()} & write.aliases
    write.aliases -= own  # its expression cannot mean itself
    written = write(node.this)
    write.aliases |= own
    return f"{written} AS {identifier(node.args['alias'])}"


@rule(exp.Star, parts="except_ replace")
def _star(write: Writer, node: Any) -> str:
    written = "*"
    if without := node.args.get("except_"):
        written += f" EXCLUDE ({', '.join(identifier(it.name) for it in without)})"
    if replaced := node.args.get("replace"):
        written += f" REPLACE ({write.list(replaced)})"
    return written


def _source(write: Writer, node: Any) -> tuple[str, list[str]]:
    """Return FROM with its joins, and conditions that refuse what * would show wrongly."""
    origin = node.args.get("from_")
    if origin is None:
        return "", []
    write.check(origin, frozenset({"this"}))
    pieces = [f"FROM {write(origin.this)}"]
    pieces += [_join(write, join) for join in node.args.get("joins") or ()]
    sources = [origin.this, *(join.this for join in node.args.get("joins") or ())]
    starred = any(it.find(exp.Star) for it in node.expressions if not it.find(exp.Anonymous))
    unnested = [it for it in sources if isinstance(it, exp.Unnest)] if starred else []
    return " ".join(pieces), [f"bq_no_struct({_element(it)})" for it in unnested]


def _where(write: Writer, node: Any, guards: list[str]) -> str:
    where = node.args.get("where")
    tests = [f"bq_bool({write(where.this)})"] if where else []
    return f"WHERE {' AND '.join([*guards, *tests])}" if guards or tests else ""


def _clause(write: Writer, node: Any, name: str) -> str:
    found = node.args.get(name)
    if not found:
        return ""
    if name == "windows":
        named = (f"{identifier(it.this)} AS {window(write, it)}" for it in found)
        return f"WINDOW {', '.join(named)}"
    if name == "group":
        write.check(found, frozenset({"expressions"}))
        return f"GROUP BY {', '.join(_place(write, it) for it in found.expressions)}"
    return f"{name.upper()} bq_bool({write(found.this)})"


def _place(write: Writer, node: Any) -> str:
    """Return an expression; a number alone is the place of a column."""
    if isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit():
        return str(node.this)
    return write(node)


def _tail(write: Writer, node: Any) -> str:
    pieces = []
    if order := node.args.get("order"):
        write.check(order, frozenset({"expressions"}))
        pieces.append(f"ORDER BY {write.list(order.expressions)}")
    if limit := node.args.get("limit"):
        write.check(limit, frozenset({"expression"}))
        pieces.append(f"LIMIT {write(limit.expression)}")
    if offset := node.args.get("offset"):
        pieces.append(f"OFFSET {write(offset.expression)}")
    return " ".join(pieces)


@rule(exp.Ordered, parts="this desc nulls_first")
def _ordered(write: Writer, node: Any) -> str:
    down = " DESC" if node.args.get("desc") else ""
    nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
    return f"{_place(write, node.this)}{down} NULLS {nulls}"


@rule(*SETS, parts="with_ this expression distinct order limit offset")
def _set(write: Writer, node: Any) -> str:
    word = SETS[type(node)]
    if not node.args.get("distinct"):
        if word != "UNION":
            raise not_tested(f"{word} ALL")
        word += " ALL"
    _check_columns(node)
    with _Names(write, node) as names:
        left, right = (_operand(write, it) for it in (node.this, node.expression))
        return " ".join(filter(None, [names, left, word, right, _tail(write, node)]))


def _check_columns(node: Any) -> None:
    rows = [it.expressions for it in (node.left, node.right) if isinstance(it, exp.Select)]
    for column in zip(*rows, strict=False) if len(rows) == 2 else ():
        check_alike(column)


def _operand(write: Writer, node: Any) -> str:
    return write(node) if isinstance(node, exp.Subquery) else f"({write(node)})"


@rule(exp.Subquery, parts="this alias")
def _subquery(write: Writer, node: Any) -> str:
    return f"({write(node.this)}){_named(node)}"


def _named(node: Any) -> str:
    alias = node.args.get("alias")
    if alias is None:
        return ""
    if alias.args.get("columns"):
        raise not_tested("an alias with names of columns")
    return f" AS {identifier(alias)}"


@rule(exp.Table, parts="this db catalog alias")
def _table(write: Writer, node: Any) -> str:
    if isinstance(node.this, exp.Func):
        raise not_tested(f"{describe(node.this)} in FROM")
    names = [part.name for part in node.parts]
    if len(names) == 1 and any(names[0].lower() in it for it in write.context.hidden):
        return f"{identifier(names[0])}{_named(node)}"
    alias = node.args.get("alias")
    if alias is not None and alias.args.get("columns"):
        raise not_tested("an alias with names of columns")
    name = node.alias or ".".join(names).rpartition(".")[2]
    return f"{write.context.resolve(names)} AS {identifier(name)}"


@rule(exp.Unnest, parts="expressions alias offset")
def _unnest(write: Writer, node: Any) -> str:
    [array] = node.expressions
    value = write(array)
    columns = [f"unnest({value}) AS {_element(node)}"]
    if offset := node.args.get("offset"):
        name = offset if isinstance(offset, exp.Identifier) else "offset"
        columns.append(f"generate_subscripts({value}, 1) - 1 AS {identifier(name)}")
    return f"(SELECT {', '.join(columns)}) AS {identifier('_' + _element(node)[1:-1])}"


def _element(node: Any) -> str:
    """Return the name of the elements of an unnested array."""
    alias = node.args.get("alias")
    columns = alias.args.get("columns") if alias is not None else None
    if columns:
        return identifier(columns[0])
    if alias is not None and alias.this:
        return identifier(alias.this)
    return identifier("f0_")


def _join(write: Writer, node: Any) -> str:
    write.check(node, frozenset({"this", "side", "kind", "on", "using"}))
    side = str(node.args.get("side") or "").upper()
    kind = str(node.args.get("kind") or "").upper()
    if side not in SIDES or kind not in ("", "INNER", "CROSS", "OUTER"):
        raise not_tested(f"{side} {kind} JOIN")
    on, using = node.args.get("on"), node.args.get("using")
    target = write(node.this)
    if using:
        return f"{side} JOIN {target} USING ({', '.join(identifier(it.name) for it in using)})"
    if on is not None:
        return f"{side} JOIN {target} ON bq_bool({write(on)})"
    if side:
        if isinstance(node.this, exp.Unnest):
            return f"{side} JOIN {target} ON true"
        raise not_tested(f"{side} JOIN without ON or USING")
    return f"CROSS JOIN {target}"
