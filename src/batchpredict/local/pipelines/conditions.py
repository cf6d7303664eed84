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
CASTS: dict[str, Callable[[Any], Any]] = {"int": int, "double": float, "string": str}


def holds(condition: str, parameters: Mapping[str, Any]) -> bool:
    """Return whether ``condition`` is true for a task's input parameters.

    Raises:
        ValueError: The condition is not understood, or names an input that there is not. It is
            never taken for false.
    """
    text = TOKEN.sub(lambda token: PYTHON.get(token[0], token[0]), condition)
    try:
        tree = ast.parse(text.strip(), mode="eval")
        _check_strings(tree, condition)
        return _truth(_value(tree.body, parameters))
    except (SyntaxError, TypeError, KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"E344 cannot evaluate the condition {condition!r}: {error}") from error


def _check_strings(tree: ast.AST, condition: str) -> None:
    """Refuse strings side by side, which Python joins: KFP does not escape the quotes in them."""
    written = sum(token[0] in "'\"" for token in TOKEN.findall(condition))
    constants = [it.value for it in ast.walk(tree) if isinstance(it, ast.Constant)]
    if written != sum(isinstance(value, str) for value in constants):
        raise ValueError("a quote in a string is not escaped")


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _value(node: ast.expr, parameters: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.BoolOp(op=sign, values=values):
            combine = all if isinstance(sign, ast.And) else any
            return combine(_truth(_value(value, parameters)) for value in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _truth(_value(operand, parameters))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, parameters)
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in COMPARE:
            return COMPARE[type(sign)](_value(left, parameters), _value(right, parameters))
        case ast.Call(func=ast.Name(id=cast), args=[argument]) if cast in CASTS:
            return CASTS[cast](_value(argument, parameters))
        case ast.Subscript(slice=ast.Constant(value=str(name))) if _is_inputs(node.value):
            return parameters[name]
    raise ValueError(f"{ast.unparse(node)} is not supported")


def _is_inputs(node: ast.expr) -> bool:
    return ast.unparse(node) == "inputs.parameter_values"
