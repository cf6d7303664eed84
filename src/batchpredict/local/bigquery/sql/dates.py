"""Functions of dates and times, whose parts and formats are words."""

import re
from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from batchpredict.local.bigquery.errors import not_tested
from batchpredict.local.bigquery.sql.functions import call, check_count, constant
from batchpredict.local.bigquery.sql.writer import Writer, literal, rule

DATE_PARTS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
TIME_PARTS = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY")
KINDS = {"DATE": "DATE", "DATETIME": "TIMESTAMP", "TIMESTAMP": "TIMESTAMPTZ"}
EXTRACTED = {
    "YEAR": "year(v)",
    "QUARTER": "quarter(v)",
    "MONTH": "month(v)",
    "DAY": "day(v)",
    "DAYOFYEAR": "dayofyear(v)",
    "DAYOFWEEK": "dayofweek(v) + 1",
    "ISOWEEK": "week(v)",
    "ISOYEAR": "isoyear(v)",
    "HOUR": "hour(v)",
    "MINUTE": "minute(v)",
    "SECOND": "second(v)",
    "MILLISECOND": "millisecond(v) % 1000",
    "MICROSECOND": "microsecond(v) % 1000000",
}
FORMATS = {
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "R": "%H:%M",
    "D": "%m/%d/%y",
    **{letter: f"%{letter}" for letter in "YmdHMSjyBbAaIp%"},
}
PARSED = {letter: FORMATS[letter] for letter in "FTRYmdHMSBb%"}


def _part(name: str, node: Any, known: Sequence[str]) -> str:
    part = str(node.name).upper()
    if isinstance(node, exp.Anonymous) or part not in known:
        word = node.sql("bigquery").upper()
        raise not_tested(f"{name} with the part {word}")
    return part


@call("DATE_ADD", "DATE_SUB", "DATETIME_ADD", "DATETIME_SUB", "TIMESTAMP_ADD", "TIMESTAMP_SUB")
def _add(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    check_count(name, arguments, (2,))
    interval = arguments[1]
    if not isinstance(interval, exp.Interval):
        raise not_tested(f"{name} without INTERVAL")
    kind, _, way = name.partition("_")
    known = {"DATE": DATE_PARTS, "TIMESTAMP": TIME_PARTS}.get(kind, (*TIME_PARTS, *DATE_PARTS))
    part = _part(name, interval.args["unit"], known)
    count = interval.this
    number = f"CAST('{count.this}' AS BIGINT)" if isinstance(count, exp.Literal) else write(count)
    unit, many = ("MONTH", f"bq_mul({number}, 3::BIGINT)") if part == "QUARTER" else (part, number)
    sign = "+" if way == "ADD" else "-"
    moved = f"{_typed(write, kind, arguments[0])} {sign} to_{unit.lower()}s({_whole(unit, many)})"
    return f"CAST({moved} AS {KINDS[kind]})"


def _whole(unit: str, number: str) -> str:
    return number if unit in TIME_PARTS[:5] else f"CAST({number} AS INTEGER)"


def _typed(write: Writer, kind: str, node: Any) -> str:
    """Return an argument that must be of this kind; a literal text becomes one."""
    value = write(node)
    if isinstance(node, exp.Literal):
        return f"bq_{kind.lower()}({value})"
    return f"bq_only_{kind.lower()}({value})"


@call("DATE_DIFF", "DATETIME_DIFF", "TIMESTAMP_DIFF")
def _diff(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    check_count(name, arguments, (3,))
    kind = name.partition("_")[0]
    later, earlier = (_typed(write, kind, it) for it in arguments[:2])
    if kind == "TIMESTAMP":  # whole units that have passed
        part = _part(name, arguments[2], TIME_PARTS)
        return f"date_sub('{part.lower()}', {earlier}, {later})"
    known = ("DAY", "MONTH", "QUARTER", "YEAR") + (TIME_PARTS[:5] if kind == "DATETIME" else ())
    part = _part(name, arguments[2], known)
    return f"date_diff('{part.lower()}', {earlier}, {later})"


@call("DATE_TRUNC", "DATETIME_TRUNC", "TIMESTAMP_TRUNC")
def _trunc(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    check_count(name, arguments, (2,))
    kind = name.partition("_")[0]
    dates = (*DATE_PARTS, "ISOWEEK")
    part = _part(name, arguments[1], dates if kind == "DATE" else (*dates, *TIME_PARTS[1:]))
    value = _typed(write, kind, arguments[0])
    if part == "WEEK":  # from Sunday on
        day = "to_days(1)"
        return f"CAST(date_trunc('week', {value} + {day}) - {day} AS {KINDS[kind]})"
    unit = "week" if part == "ISOWEEK" else part.lower()
    return f"CAST(date_trunc('{unit}', {value}) AS {KINDS[kind]})"


@rule(exp.Extract, parts="this expression")
def _extract(write: Writer, node: Any) -> str:
    value, part = write(node.expression), node.this.name.upper()
    if part in ("DATE", "TIME", "DATETIME"):
        return f"bq_{part.lower()}({value})"
    if not isinstance(node.this, exp.Var) or part not in EXTRACTED:
        raise not_tested(f"EXTRACT with the part {node.this.sql('bigquery').upper()}")
    return f"CAST({EXTRACTED[part].replace('(v)', f'(bq_moment({value}))')} AS BIGINT)"


def _format(name: str, node: Any, known: dict[str, str]) -> str:
    pattern = constant(name, node)

    def element(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise not_tested(f"the format element {match[0]} of {name}")
        return known[match[1]]

    return literal(re.sub(r"%(E[0-9*]?.|.|\Z)", element, pattern, flags=re.DOTALL))


@call("FORMAT_DATE", "FORMAT_DATETIME", "FORMAT_TIMESTAMP")
def _format_date(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    check_count(name, arguments, (2,))
    pattern = _format(name, arguments[0], FORMATS)
    kind = name.removeprefix("FORMAT_")
    return f"strftime(CAST({_typed(write, kind, arguments[1])} AS TIMESTAMP), {pattern})"


@call("PARSE_DATE", "PARSE_DATETIME", "PARSE_TIMESTAMP")
def _parse_date(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    check_count(name, arguments, (2,))
    kind = name.removeprefix("PARSE_")
    pattern = _format(name, arguments[0], PARSED)
    return f"CAST(strptime(bq_only_text({write(arguments[1])}), {pattern}) AS {KINDS[kind]})"
