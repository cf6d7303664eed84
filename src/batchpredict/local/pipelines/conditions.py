"""Evaluate the condition of a branch, in the part of the Common Expression Language KFP writes."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|&&|\|\||!=|!|\b(?:true|false|null)\b")
PYTHON = {
    "&&": " and ",
    "||": " or ",
    "!": " not ",
    "true": "True",
    "false": "False",
    "null": "None",
}
COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
}
UNARY: dict[type, Callable[[Any], Any]] = {ast.Not: operator.not_, ast.USub: operator.neg}
CASTS: dict[str, Callable[[Any], Any]] = {"int": int, "double": float, "string": str, "bool": bool}


def holds(condition: str, parameters: Mapping[str, Any]) -> bool:
    """Return whether ``condition`` is true for a task's input parameters.

    Raises:
        ValueError: The condition is not understood, or names an input that there is not. It is
            never taken for false.
    """
    text = TOKEN.sub(lambda token: PYTHON.get(token[0], token[0]), condition)
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return bool(_value(tree.body, parameters))
    except (SyntaxError, TypeError, KeyError, ValueError) as error:
        raise ValueError(f"E344 cannot evaluate the condition {condition!r}: {error}") from error


def _value(node: ast.expr, parameters: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.BoolOp(op=sign, values=values):
            combine = all if isinstance(sign, ast.And) else any
            return combine(_value(value, parameters) for value in values)
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in UNARY:
            return UNARY[type(sign)](_value(operand, parameters))
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return COMPARE[type(sign)](_value(left, parameters), _value(right, parameters))
        case ast.Call(func=ast.Name(id=cast), args=[argument]) if cast in CASTS:
            return CASTS[cast](_value(argument, parameters))
        case ast.Subscript(slice=ast.Constant(value=str(name))) if _is_inputs(node.value):
            return parameters[name]
    raise ValueError(f"{ast.unparse(node)} is not supported")


def _is_inputs(node: ast.expr) -> bool:
    return ast.unparse(node) == "inputs.parameter_values"
