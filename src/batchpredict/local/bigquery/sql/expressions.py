"""How each kind of expression is written."""

from typing import Any

from sqlglot import exp

from batchpredict.local.bigquery.errors import invalid_query, not_tested
from batchpredict.local.bigquery.sql.structs import check_alike
from batchpredict.local.bigquery.sql.types import cast, declared, field_of
from batchpredict.local.bigquery.sql.writer import Writer, identifier, literal, rule

LARGEST = 2**63
ARITHMETIC = {exp.Add: "add", exp.Sub: "sub", exp.Mul: "mul", exp.Div: "divide"}
COMPARISONS = {
    exp.EQ: "eq",
    exp.NEQ: "ne",
    exp.LT: "lt",
    exp.LTE: "le",
    exp.GT: "gt",
    exp.GTE: "ge",
}
ROW_NAMES = ("rowid", "_partitiontime", "_partitiondate", "_table_suffix", "_file_name")


@rule(exp.Literal, parts="this is_string")
def _literal(_: Writer, node: Any) -> str:
    if node.is_string:
        return literal(node.this)
    if not node.this.isdigit():
        return f"CAST('{node.this}' AS DOUBLE)"
    if int(node.this) > LARGEST - 1:
        raise invalid_query(f"Invalid integer literal: {node.this}")
    return f"CAST({node.this} AS BIGINT)"


@rule(exp.HexString, parts="this is_integer")
def _hexadecimal(_: Writer, node: Any) -> str:
    return f"CAST({int(node.this, 16)} AS BIGINT)"


@rule(exp.Null, parts="")
def _null(_: Writer, __: Any) -> str:
    return "NULL"


@rule(exp.Boolean)
def _boolean(_: Writer, node: Any) -> str:
    return "true" if node.this else "false"


@rule(exp.Parameter, exp.Placeholder)
def _parameter(write: Writer, node: Any) -> str:
    return write.parameter(node)


@rule(exp.Paren)
def _paren(write: Writer, node: Any) -> str:
    return f"({write(node.this)})"


@rule(exp.Column, parts="this table db catalog")
def _column(write: Writer, node: Any) -> str:
    if isinstance(node.this, exp.Star):
        return f"{identifier(node.args['table'])}.{write(node.this)}"
    if node.name.lower() in ROW_NAMES:
        raise not_tested(f"the column {node.name}")
    return ".".join(identifier(part) for part in node.parts)


@rule(exp.Dot, parts="this expression")
def _dot(write: Writer, node: Any) -> str:
    if not isinstance(node.expression, exp.Identifier):
        raise not_tested(f"what follows a dot: {type(node.expression).__name__}")
    return f"({write(node.this)}).{identifier(node.expression)}"


@rule(*ARITHMETIC, parts="this expression typed safe")
def _arithmetic(write: Writer, node: Any) -> str:
    if isinstance(node.expression, exp.Interval) or isinstance(node.this, exp.Interval):
        raise not_tested("an INTERVAL beside + or -; use DATE_ADD and the like, which")
    return f"bq_{ARITHMETIC[type(node)]}({write(node.this)}, {write(node.expression)})"


@rule(exp.Neg)
def _negative(write: Writer, node: Any) -> str:
    inner = node.this
    if isinstance(inner, exp.Literal) and inner.this == str(LARGEST):
        return f"CAST('-{LARGEST}' AS BIGINT)"
    return f"bq_neg({write(inner)})"


def _is_text(node: Any) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def compare(write: Writer, name: str, left: Any, right: Any) -> str:
    """Return a comparison; a literal text takes the type of a date or time beside it."""
    suffix = "_text" if _is_text(right) and not _is_text(left) else ""
    if _is_text(left) and not _is_text(right):
        mirrored = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}.get(name, name)
        return f"bq_{mirrored}_text({write(right)}, {write(left)})"
    return f"bq_{name}{suffix}({write(left)}, {write(right)})"


@rule(*COMPARISONS, parts="this expression")
def _comparison(write: Writer, node: Any) -> str:
    return compare(write, COMPARISONS[type(node)], node.this, node.expression)


@rule(exp.Between, parts="this low high")
def _between(write: Writer, node: Any) -> str:
    low = compare(write, "ge", node.this, node.args["low"])
    return f"({low} AND {compare(write, 'le', node.this, node.args['high'])})"


@rule(exp.In, parts="this expressions query unnest")
def _in(write: Writer, node: Any) -> str:
    if query := node.args.get("query"):
        return f"({write(node.this)} IN {write(query)})"
    if unnest := node.args.get("unnest"):
        [array] = unnest.expressions
        return f"bq_in_array({write(node.this)}, {write(array)})"
    tests = (compare(write, "eq", node.this, it) for it in node.expressions)
    return f"({' OR '.join(tests)})"


@rule(exp.And, exp.Or, parts="this expression")
def _logic(write: Writer, node: Any) -> str:
    word = "AND" if isinstance(node, exp.And) else "OR"
    return f"(bq_bool({write(node.this)}) {word} bq_bool({write(node.expression)}))"


@rule(exp.Not)
def _not(write: Writer, node: Any) -> str:
    return f"(NOT bq_bool({write(node.this)}))"


@rule(exp.Is, parts="this expression")
def _is(write: Writer, node: Any) -> str:
    if not isinstance(node.expression, exp.Null | exp.Boolean):
        raise not_tested(f"IS {node.expression.sql('bigquery')}")
    return f"(({write(node.this)}) IS {write(node.expression)})"


@rule(exp.NullSafeEQ, exp.NullSafeNEQ, parts="this expression")
def _distinct_from(write: Writer, node: Any) -> str:
    left, right = write(node.this), write(node.expression)
    word = "NOT " if isinstance(node, exp.NullSafeEQ) else ""
    # The comparison only for its types: it binds, and says when they do not fit.
    typed = compare(write, "eq", node.this, node.expression)
    return f"(({left} IS {word}DISTINCT FROM {right}) AND ({typed} IS NULL OR true))"


@rule(exp.Like, parts="this expression negate")
def _like(write: Writer, node: Any) -> str:
    return f"({write(node.this)} LIKE {write(node.expression)} ESCAPE '\\')"


@rule(exp.DPipe, parts="this expression safe")
def _concatenation(write: Writer, node: Any) -> str:
    return f"bq_concat({write(node.this)}, {write(node.expression)})"


@rule(exp.Case, parts="this ifs default")
def _case(write: Writer, node: Any) -> str:
    check_alike([*(it.args["true"] for it in node.args["ifs"]), node.args.get("default")])
    pieces = ["CASE"]
    for branch in node.args["ifs"]:
        when = branch.this
        test = compare(write, "eq", node.this, when) if node.this else f"bq_bool({write(when)})"
        pieces.append(f"WHEN {test} THEN {write(branch.args['true'])}")
    if default := node.args.get("default"):
        pieces.append(f"ELSE {write(default)}")
    return f"({' '.join(pieces)} END)"


@rule(exp.If, parts="this true false")
def _if(write: Writer, node: Any) -> str:
    other = node.args.get("false")
    if other is None:
        raise invalid_query("IF takes three arguments")
    check_alike([node.args["true"], other])
    test = f"bq_bool({write(node.this)})"
    return f"(CASE WHEN {test} THEN {write(node.args['true'])} ELSE {write(other)} END)"


@rule(exp.Cast, exp.TryCast, parts="this to safe")
def _cast(write: Writer, node: Any) -> str:
    safe = isinstance(node, exp.TryCast)
    if isinstance(node.this, exp.Array | exp.Struct) and node.to.expressions:
        return f"CAST({_constructed(write, node.this, node.to)} AS {declared(node.to)})"
    return cast(write(node.this), node.to, safe)


def _constructed(write: Writer, node: Any, kind: Any) -> str:
    """Return a typed constructor, each of its values cast by itself."""
    if isinstance(node, exp.Array):
        return f"[{', '.join(_value(write, it, kind.expressions[0]) for it in node.expressions)}]"
    parts = kind.expressions
    if len(parts) != len(node.expressions):
        raise invalid_query("STRUCT type has another number of fields than it has values")
    names = [field["name"] for field in field_of(kind)["fields"]]
    values = (
        f"{identifier(name)} := {_value(write, it, part.args.get('kind', part))}"
        for name, it, part in zip(names, node.expressions, parts, strict=True)
    )
    return f"struct_pack({', '.join(values)})"


def _value(write: Writer, node: Any, kind: Any) -> str:
    parts = [node.this] if isinstance(node, exp.Paren) else node.expressions
    if isinstance(node, exp.Tuple | exp.Paren) and kind.this == exp.DataType.Type.STRUCT:
        return _constructed(write, exp.Struct(expressions=parts), kind)
    if kind.expressions:
        return write(node)
    return cast(write(node), kind, safe=False)


@rule(exp.Array, parts="expressions")
def _array(write: Writer, node: Any) -> str:
    if len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Query):
        return f"ARRAY({write(node.expressions[0])})"
    check_alike(node.expressions)
    return f"[{write.list(node.expressions)}]"


@rule(exp.Bracket, parts="this expressions offset safe")
def _bracket(write: Writer, node: Any) -> str:
    [index] = node.expressions
    if _is_text(index):
        raise not_tested("a subscript of JSON")
    place = write(index)
    if node.args.get("offset") == 1:
        place = f"bq_sub({place}, CAST(1 AS BIGINT))"
    return f"bq_{'safe_' if node.args.get('safe') else ''}offset({write(node.this)}, {place})"


@rule(exp.ParseJSON, parts="this is_literal")
def _json_literal(write: Writer, node: Any) -> str:
    return f"bq_json({write(node.this)})"


@rule(exp.Exists, parts="this")
def _exists(write: Writer, node: Any) -> str:
    return f"EXISTS ({write(node.this)})"
