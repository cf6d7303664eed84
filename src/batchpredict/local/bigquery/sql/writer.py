"""Writes a tree of GoogleSQL as DuckDB's SQL; a node without a rule is refused by name."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlglot import exp

from batchpredict.local.bigquery.errors import invalid_query, not_tested
from batchpredict.local.bigquery.fields import text

Resolve = Callable[[Sequence[str]], str]
# What says nothing about the meaning, or is the same in every statement.
SILENT = frozenset(
    {"over", "nested", "struct_name_inheritance", "value_constructor", "is_function"}
)


@dataclass
class Context:
    """What a statement may refer to.

    Attributes:
        resolve: Returns the SQL of a table by the parts of its name.
        now: CURRENT_TIMESTAMP.
        named: The SQL of each named parameter, by its lower-case name.
        positional: The SQL of each ``?``, in order.
        hidden: Names of WITH that hide tables, lower-case, from the outside in.
    """

    resolve: Resolve
    now: datetime.datetime
    named: Mapping[str, str] = field(default_factory=dict)
    positional: Sequence[str] = ()
    hidden: list[set[str]] = field(default_factory=list)


class Rule(NamedTuple):
    """How a kind of node is written.

    Attributes:
        write: Gets the writer and the node.
        parts: Names of the parts that ``write`` knows; with another one the node is refused.
    """

    write: Callable[["Writer", Any], str]
    parts: frozenset[str]


class Writer:
    """Writes one statement.

    DuckDB does not know the type of an aggregate, a window or an alias while it chooses among
    macros by type, and would take one for a whole number. So such a value goes into the macro as
    the parameter of a lambda, whose type it knows.

    Args:
        context: What the statement may refer to.

    Attributes:
        context: As given.
        used: How many ``?`` were written.
        aliases: The names that the query being written gives to columns, lower-case.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.used = 0
        self.aliases: set[str] = set()
        self._untyped: list[tuple[str, str]] | None = None
        self._count = 0

    def __call__(self, node: Any) -> str:
        """Return the SQL of a node.

        Raises:
            BigQueryError: The node, or a part of it, is not among the tested ones.
        """
        rule = RULES.get(type(node))
        if rule is None:
            raise not_tested(describe(node))
        self.check(node, rule.parts)
        if self._untyped is not None and self._has_no_type(node):
            return self._apart(node, rule)
        if self._untyped is None and type(node) in TYPED and not self._has_no_type(node):
            self._untyped = []
            written = rule.write(self, node)
            found, self._untyped = self._untyped, None
            return with_types(written, found)
        return rule.write(self, node)

    def _has_no_type(self, node: Any) -> bool:
        if isinstance(node, exp.Anonymous):
            return node.name.upper() in AGGREGATES
        if isinstance(node, exp.Column):
            return not node.table and node.name.lower() in self.aliases
        if isinstance(node, exp.In | exp.Array):
            return node.find(exp.Query) is not None
        return isinstance(node, exp.Window | exp.Subquery | exp.Exists)

    def _apart(self, node: Any, rule: "Rule") -> str:
        outer, self._untyped = self._untyped, None
        written = rule.write(self, node)
        self._untyped = outer
        assert outer is not None
        self._count += 1
        outer.append((f"{PARAMETER}{self._count}", written))
        return outer[-1][0]

    def check(self, node: Any, known: frozenset[str]) -> None:
        """Refuse a node with a part that is not known."""
        for name, value in node.args.items():
            if value not in (None, False, [], "") and name not in known | SILENT:
                part = f" {value.upper()}" if isinstance(value, str) else ""
                raise not_tested(f"{describe(node)} with {name.rstrip('_').upper()}{part}")

    def list(self, nodes: Sequence[Any]) -> str:
        """Return the SQL of nodes with commas between them."""
        return ", ".join(map(self, nodes))

    def parameter(self, node: Any) -> str:
        """Return the value of a parameter."""
        if isinstance(node, exp.Placeholder):
            self.used += 1
            if self.used > len(self.context.positional):
                raise invalid_query("Query parameter number is missing: too few values were given")
            return self.context.positional[self.used - 1]
        name = node.this.name
        if name.lower() not in self.context.named:
            raise invalid_query(f"Query parameter '{name}' not found")
        return self.context.named[name.lower()]


RULES: dict[type, Rule] = {}
AGGREGATES: set[str] = set()
PARAMETER = "bq_value"
TYPED = {exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Cast, exp.TryCast, exp.Extract}
TYPED |= {exp.Anonymous, exp.ParseJSON, exp.Bracket}


def with_types(written: str, values: Sequence[tuple[str, str]]) -> str:
    """Return SQL in which each name stands for a value whose type is known by then."""
    # DuckDB takes no subquery inside a lambda, so it stands outside of them.
    for name, value in sorted(values, key=lambda it: "SELECT" in it[1]):
        written = f"list_transform([{value}], lambda {name}: {written})[1]"
    return written


def rule(*kinds: type, parts: str = "this") -> Callable[[Any], Any]:
    """Register the decorated function as the way to write nodes of these kinds."""

    def register(write: Any) -> Any:
        for kind in kinds:
            RULES[kind] = Rule(write, frozenset(parts.split()))
        return write

    return register


def describe(node: Any) -> str:
    """Return what a statement calls a node."""
    if isinstance(node, exp.Anonymous):
        return f"the function {node.name.upper()}"
    if isinstance(node, exp.Command):
        return f"the statement {node.this.upper()}"
    if isinstance(node, exp.Func):
        return f"the function {node.sql_name()}"
    return f"{type(node).__name__}"


def identifier(node: Any) -> str:
    """Return an identifier in quotes."""
    name = node if isinstance(node, str) else node.name
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Return a text as DuckDB takes it."""
    return text(value)
