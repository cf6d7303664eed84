"""How the call of a function is written: one macro, or a rule of its own."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from batchpredict.local.bigquery.errors import invalid_query, not_tested
from batchpredict.local.bigquery.sql.library import macro_name, plain_functions
from batchpredict.local.bigquery.sql.structs import check_alike, struct
from batchpredict.local.bigquery.sql.writer import Writer, literal, rule

PLAIN = plain_functions()
Call = Callable[[Writer, str, Sequence[Any]], str]
CALLS: dict[str, Call] = {}
PATH = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]+\])*")


def call(*names: str) -> Callable[[Call], Call]:
    """Register the decorated function as the way to write calls of these functions."""

    def register(write: Call) -> Call:
        CALLS.update(dict.fromkeys(names, write))
        return write

    return register


@rule(exp.Anonymous, parts="this expressions")
def _function(write: Writer, node: Any) -> str:
    name, arguments = node.name.upper(), node.expressions
    if name in CALLS:
        return CALLS[name](write, name, arguments)
    if name not in PLAIN:
        raise not_tested(f"the function {name}")
    check_count(name, arguments, PLAIN[name])
    return f"{macro_name(name)}({write.list(arguments)})"


def check_count(name: str, arguments: Sequence[Any], counts: Any) -> None:
    """Refuse a call with too many or too few arguments."""
    if len(arguments) not in counts:
        raise invalid_query(
            f"No matching signature for function {name} with {len(arguments)} arguments"
        )


def constant(name: str, node: Any) -> str:
    """Return a literal text that an argument must be."""
    if not isinstance(node, exp.Literal) or not node.is_string:
        raise not_tested(f"{name} with an argument that is no literal text")
    return str(node.this)


@call("COALESCE")
def _coalesce(write: Writer, _: str, arguments: Sequence[Any]) -> str:
    check_alike(arguments)
    return f"coalesce({write.list(arguments)})"


@call("CONCAT")
def _concat(write: Writer, _: str, arguments: Sequence[Any]) -> str:
    return f"({' || '.join(f'bq_string({write(it)})' for it in arguments)})"


@call("GREATEST", "LEAST")
def _extreme(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    written = [write(it) for it in arguments]
    missing = " OR ".join(f"({it}) IS NULL" for it in written)
    return f"(CASE WHEN {missing} THEN NULL ELSE {name}({', '.join(written)}) END)"


@call("LOG")
def _log(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    check_count(name, arguments, (1, 2))
    logs = [f"fn_ln({write(it)})" for it in arguments]
    return logs[0] if len(logs) == 1 else f"bq_divide({logs[0]}, {logs[1]})"


@call("STRUCT")
def _struct(write: Writer, _: str, arguments: Sequence[Any]) -> str:
    return struct(write, arguments)


@call("ARRAY_CONCAT")
def _array_concat(write: Writer, _: str, arguments: Sequence[Any]) -> str:
    written = [write(it) for it in arguments]
    whole = written[0]
    for it in written[1:]:
        whole = f"bq_concat({whole}, {it})"
    return whole


@call("REGEXP_EXTRACT", "REGEXP_EXTRACT_ALL")
def _regexp_extract(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    check_count(name, arguments, (2,))
    pattern = constant(name, arguments[1])
    groups = len(re.findall(r"(?<!\\)\((?!\?)|\(\?P<", re.sub(r"\[[^\]]*\]", "", pattern)))
    if groups > 1:
        raise invalid_query("Regular expression has more than 1 capturing group")
    value, found = write(arguments[0]), f"{literal(pattern)}, {groups}"
    if name == "REGEXP_EXTRACT_ALL":
        return f"regexp_extract_all(bq_only_text({value}), {found})"
    matches = f"regexp_matches(bq_only_text({value}), {literal(pattern)})"
    return f"(CASE WHEN {matches} THEN regexp_extract({value}, {found}) END)"


@call("JSON_VALUE", "JSON_EXTRACT_SCALAR", "JSON_QUERY", "JSON_EXTRACT")
def _json(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    check_count(name, arguments, (1, 2))
    path = constant(name, arguments[1]) if len(arguments) > 1 else "$"
    if not PATH.fullmatch(path):
        raise not_tested(f"the JSON path {path}")
    macro = "bq_json_scalar" if name in ("JSON_VALUE", "JSON_EXTRACT_SCALAR") else "bq_json_query"
    return f"{macro}(bq_only_text({write(arguments[0])}), {literal(path)})"


@call("TO_JSON_STRING")
def _to_json_string(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    check_count(name, arguments, (1,))
    return f"bq_simple_json({write(arguments[0])})"


BARE = {
    exp.CurrentDate: "CURRENT_DATE",
    exp.CurrentDatetime: "CURRENT_DATETIME",
    exp.CurrentTime: "CURRENT_TIME",
    exp.CurrentTimestamp: "CURRENT_TIMESTAMP",
}


@rule(*BARE, parts="")
def _bare_now(write: Writer, node: Any) -> str:
    return _now(write, BARE[type(node)], [])


@call("CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_DATETIME", "CURRENT_TIME")
def _now(write: Writer, name: str, arguments: Sequence[Any]) -> str:
    check_count(name, arguments, (0,))
    stamp = f"TIMESTAMPTZ '{write.context.now:%Y-%m-%d %H:%M:%S.%f}+00'"
    kind = {"CURRENT_DATE": "date", "CURRENT_DATETIME": "datetime", "CURRENT_TIME": "time"}
    return f"bq_{kind[name]}({stamp})" if name in kind else stamp
