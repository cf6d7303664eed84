"""Rows of JSON texts as TFRecord files of tf.train.Example."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.tables import sql_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import duckdb


def feature_kinds(
    con: "duckdb.DuckDBPyConnection", cells: dict[str, str], names: list[str]
) -> list[str]:
    """Say which list of a Feature each column goes to: ``int``, ``float`` or ``byte``.

    A column of whole numbers or of true and false is int64_list, one of other numbers
    float_list, which has 32 bits a number, any other bytes_list. Lists go by their items.

    Args:
        con: The scratch database with the table ``source``.
        cells: SQL of the JSON texts of each column.
        names: The columns.
    """
    whole, number = r"-?[0-9]+|true|false", r"-?[0-9][0-9.eE+-]*|NaN|-?Infinity|null"
    kinds = []
    for name in names:
        tests = [
            f"bool_and(regexp_full_match({cells[name]}, {sql_text(pattern)}))"
            for item in (whole, f"{whole}|{number}")
            for pattern in [rf"{item}|\[(({item})(, ({item}))*)?\]"]
        ]
        found = con.execute(f"SELECT {', '.join(tests)} FROM source").fetchone() or ()
        kinds.append("byte" if False in found[1:] else "float" if False in found else "int")
    return kinds


def example_builder(
    names: list[str], kinds: list[str], binary: set[str]
) -> "Callable[[Sequence[str | None]], dict[str, Any]]":
    """Return a function that turns the cells of a row into the features of an Example.

    Args:
        names: The columns.
        kinds: From ``feature_kinds``.
        binary: Columns of bytes, whose cells are base64.
    """

    def build(cells: "Sequence[str | None]") -> dict[str, Any]:
        columns = zip(names, kinds, cells, strict=True)
        return {
            name: (feature_values(name, kind, cell, name in binary), kind)
            for name, kind, cell in columns
            if cell is not None
        }

    return build


def feature_values(name: str, kind: str, cell: str, binary: bool) -> list[Any]:
    """Return the values of a feature.

    Raises:
        ValueError: A value has no place in a feature of that kind.
    """
    import json

    value = json.loads(cell)
    values = value if isinstance(value, list) else [value]
    if any(item is None or isinstance(item, list | dict) for item in values):
        raise ValueError(f"'{name}' has an object, a list in a list or null, no feature's value")
    if kind == "byte":
        return [text_bytes(name, item, binary) for item in values]
    if kind == "float":
        return [float_within(name, item) for item in values]
    if any(not -(2**63) <= item < 2**63 for item in values):
        raise ValueError(f"'{name}' has a whole number of more than 64 bits")
    return [int(item) for item in values]


def text_bytes(name: str, value: Any, binary: bool) -> bytes:
    """Return a text in UTF-8, or the bytes that its base64 stands for.

    Raises:
        ValueError: It is no text, in a column that holds texts.
    """
    import base64

    if not isinstance(value, str):
        raise ValueError(f"'{name}' has {value!r} among texts")
    return base64.b64decode(value) if binary else value.encode()


def float_within(name: str, value: Any) -> float:
    """Return a number that a float of 32 bits can hold, rounded.

    Raises:
        ValueError: It is too large.
    """
    import math
    import struct

    try:
        if math.isinf(float(value)):
            raise OverflowError
        struct.pack("<f", float(value))
    except OverflowError:
        raise ValueError(
            f"'{name}' has {str(value)[:100]}, too large for a float of 32 bits"
        ) from None
    return float(value)
