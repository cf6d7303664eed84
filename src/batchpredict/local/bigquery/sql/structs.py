"""STRUCTs: how one is made, and which may stand together.

BigQuery takes the fields of two STRUCTs together by their places, DuckDB by their names. So what
is made of STRUCTs with other names is refused where the statement shows it.
"""

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from batchpredict.local.bigquery.errors import not_tested
from batchpredict.local.bigquery.sql.types import field_of
from batchpredict.local.bigquery.sql.writer import Writer, identifier

OTHER = ("?",)


def struct(write: Writer, nodes: Sequence[Any]) -> str:
    """Return a STRUCT of expressions, its fields named as they are."""
    if not nodes:
        raise not_tested("an empty STRUCT")
    parts = []
    for name, node in zip(_names(nodes), nodes, strict=True):
        value = node.this if isinstance(node, exp.Alias) else node
        if isinstance(value, exp.Star) or isinstance(getattr(value, "this", None), exp.Star):
            raise not_tested("a STRUCT of *")
        parts.append(f"{identifier(name)} := {write(value)}")
    return f"struct_pack({', '.join(parts)})"


def _names(nodes: Sequence[Any]) -> tuple[str, ...]:
    return tuple(
        (it.alias_or_name if isinstance(it, exp.Alias | exp.Column) else "") or f"_field_{number}"
        for number, it in enumerate(nodes, 1)
    )


def check_alike(nodes: Sequence[Any]) -> None:
    """Refuse values that become one, when a STRUCT is among them and another has other fields.

    Raises:
        BigQueryError: They may not stand together.
    """
    shapes = {_shape(it) for it in nodes if it is not None} - {None}
    if len(shapes) > 1 and shapes != {OTHER}:
        raise not_tested("a STRUCT together with one whose fields have other names")


def _shape(node: Any) -> tuple[str, ...] | None:
    node = node.unalias()
    if isinstance(node, exp.Null):
        return None
    if isinstance(node, exp.Anonymous) and node.name.upper() == "STRUCT":
        return _names(node.expressions)
    if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.STRUCT:
        return tuple(it["name"] for it in field_of(node.to)["fields"])
    return OTHER
