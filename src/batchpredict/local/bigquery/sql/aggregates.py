"""Aggregate functions, and functions over windows."""

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from batchpredict.local.bigquery.errors import invalid_query, not_tested
from batchpredict.local.bigquery.sql.functions import CALLS, check_count
from batchpredict.local.bigquery.sql.writer import (
    AGGREGATES,
    PARAMETER,
    Writer,
    identifier,
    rule,
    with_types,
)

SIMPLE = {
    "ANY_VALUE": "any_value({})",
    "APPROX_COUNT_DISTINCT": "count(DISTINCT {})",
    "AVG": "avg(bq_averaged({}))",
    "COUNT": "count({})",
    "COUNTIF": "count(CASE WHEN bq_bool({}) THEN 1 END)",
    "LOGICAL_AND": "bool_and(bq_bool({}))",
    "LOGICAL_OR": "bool_or(bq_bool({}))",
    "MAX": "max({})",
    "MIN": "min({})",
    "STDDEV": "stddev_samp(bq_real({}))",
    "STDDEV_POP": "stddev_pop(bq_real({}))",
    "STDDEV_SAMP": "stddev_samp(bq_real({}))",
    "SUM": "sum({})",
    "VARIANCE": "var_samp(bq_real({}))",
    "VAR_POP": "var_pop(bq_real({}))",
    "VAR_SAMP": "var_samp(bq_real({}))",
}
DISTINCT = ("AVG", "COUNT", "COUNTIF", "SUM", "MAX", "MIN")
RANKS = ("ROW_NUMBER", "RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST")
SHIFTS = ("LAG", "LEAD")
ENDS = ("FIRST_VALUE", "LAST_VALUE")
WINDOW_ONLY = (*RANKS, "NTILE", *SHIFTS, *ENDS)
SIDES = {"PRECEDING", "FOLLOWING"}


def _call(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    return finished(name, called(write, name, arguments))


AGGREGATES.update((*SIMPLE, "ARRAY_AGG", "STRING_AGG"))
CALLS.update(dict.fromkeys(AGGREGATES, _call))


def finished(name: str, written: str) -> str:
    """Return the value of a call: the sum of whole numbers has their type."""
    return with_types(f"bq_sum({PARAMETER})", [(PARAMETER, written)]) if name == "SUM" else written


def called(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    """Return the bare call of an aggregate function, as a window may follow it."""
    if name == "ARRAY_AGG":
        return _array_agg(write, arguments)
    if name == "STRING_AGG":
        return _string_agg(write, arguments)
    check_count(name, arguments, (1,))
    [argument] = arguments
    if isinstance(argument, exp.Star):
        if name != "COUNT" or any(argument.args.values()):
            raise invalid_query(f"Argument * can only be used in COUNT(*), not in {name}")
        return "count(*)"
    if isinstance(argument, exp.Distinct):
        return _distinct(write, name, argument)
    if isinstance(argument, exp.Order | exp.Limit | exp.IgnoreNulls | exp.HavingMax):
        raise not_tested(f"{name} with {type(argument).__name__} inside")
    return SIMPLE[name].format(write(argument))


def _distinct(write: Writer, name: str, node: Any) -> str:
    if name not in DISTINCT or len(node.expressions) != 1:
        raise not_tested(f"{name} with DISTINCT")
    before, _, after = SIMPLE[name].partition("(")
    return f"{before}(DISTINCT {after.format(write(node.expressions[0]))}"


class _Inside:
    """What stands inside ARRAY_AGG or STRING_AGG: the value, and in which order, how many."""

    def __init__(self, write: Writer, node: Any) -> None:
        self.limit = self.order = self.distinct = ""
        self.ignore = False
        if isinstance(node, exp.Limit):
            self.limit, node = write(node.expression), node.this
        if isinstance(node, exp.Order):
            self.order = " ORDER BY " + write.list(node.expressions)
            node = node.this
        if isinstance(node, exp.IgnoreNulls | exp.RespectNulls):
            self.ignore, node = isinstance(node, exp.IgnoreNulls), node.this
        if isinstance(node, exp.Distinct):
            self.distinct, [node] = "DISTINCT ", node.expressions
        self.value = write(node)

    def cut(self, listed: str) -> str:
        return f"list_slice({listed}, 1, {self.limit})" if self.limit else listed


def _array_agg(write: Writer, arguments: Sequence[Any]) -> str:
    check_count("ARRAY_AGG", arguments, (1,))
    inside = _Inside(write, arguments[0])
    present = f" FILTER (({inside.value}) IS NOT NULL)" if inside.ignore else ""
    return inside.cut(f"list({inside.distinct}{inside.value}{inside.order}){present}")


def _string_agg(write: Writer, arguments: Sequence[Any]) -> str:
    last: Any = arguments[-1].copy() if arguments else None
    inner = last
    while isinstance(
        inner, exp.Limit | exp.Order
    ):  # of the last argument, and they mean the first
        inner = inner.this
    values = [*arguments[:-1], inner]
    once = ""
    if isinstance(inner, exp.Distinct):
        values, once = inner.expressions, "DISTINCT "
    check_count("STRING_AGG", [it for it in values if it is not None], (1, 2))
    if inner is last:
        inside = _Inside(write, values[0])
    else:
        inner.replace(values[0].copy())
        inside = _Inside(write, last)
    joint = write(values[1]) if len(values) == 2 else "','"
    present = f" FILTER (({inside.value}) IS NOT NULL)"
    listed = f"list({once}{inside.value}{inside.order}){present}"
    return f"bq_joined({inside.cut(listed)}, {joint})"


@rule(exp.Window, parts="this partition_by order spec alias")
def _window(write: Writer, node: Any) -> str:
    function, nulls = node.this, ""
    if isinstance(function, exp.IgnoreNulls | exp.RespectNulls):
        nulls, function = _nulls(function), function.this
    if not isinstance(function, exp.Anonymous):
        raise not_tested(f"{type(function).__name__} over a window")
    name = function.name.upper()
    written = _windowed(write, name, function.expressions, nulls)
    return finished(name, f"{written} OVER {_over(write, node)}")


def _nulls(node: Any) -> str:
    return " IGNORE NULLS" if isinstance(node, exp.IgnoreNulls) else ""


def _windowed(write: Writer, name: str, arguments: Sequence[Any], nulls: str) -> str:
    if name in SIMPLE and not nulls:
        return called(write, name, arguments)
    if name in RANKS:
        check_count(name, arguments, (0,))
        return f"{name.lower()}()"
    if name == "NTILE":
        check_count(name, arguments, (1,))
        return f"ntile({write(arguments[0])})"
    if name in SHIFTS:
        check_count(name, arguments, (1, 2, 3))
        return f"{name.lower()}({write.list(arguments)})"
    if name in ENDS:
        check_count(name, arguments, (1,))
        [value] = arguments
        if isinstance(value, exp.IgnoreNulls | exp.RespectNulls):
            nulls, value = _nulls(value), value.this
        return f"{name.lower()}({write(value)}{nulls})"
    raise not_tested(f"the function {name} over a window")


def _over(write: Writer, node: Any) -> str:
    if alias := node.args.get("alias"):
        if node.args.get("partition_by") or node.args.get("order") or node.args.get("spec"):
            raise not_tested("a named window that is changed")
        return identifier(alias)
    return window(write, node)


def window(write: Writer, node: Any) -> str:
    """Return the specification of a window."""
    pieces = []
    if partition := node.args.get("partition_by"):
        pieces.append(f"PARTITION BY {write.list(partition)}")
    if order := node.args.get("order"):
        pieces.append(f"ORDER BY {write.list(order.expressions)}")
    if spec := node.args.get("spec"):
        write.check(spec, frozenset({"kind", "start", "start_side", "end", "end_side"}))
        kind, arguments = spec.args["kind"], spec.args
        start = _bound(write, arguments["start"], arguments.get("start_side"))
        end = _bound(write, arguments.get("end") or "CURRENT ROW", arguments.get("end_side"))
        pieces.append(f"{kind} BETWEEN {start} AND {end}")
    return f"({' '.join(pieces)})"


def _bound(write: Writer, bound: Any, side: str | None) -> str:
    if side is None:
        return "CURRENT ROW"
    assert side in SIDES
    return f"{bound if isinstance(bound, str) else write(bound)} {side}"
