"""Rows of JSON texts as the lines of a batch prediction's input."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.shards import strict_decoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def line_builder(
    instances_format: str, names: list[str], key: str, instance_type: str
) -> "Callable[[Sequence[str | None]], str]":
    """Return a function that turns the cells of a row into a line, without its end.

    Args:
        instances_format: ``jsonl``, ``csv`` or ``file-list``.
        names: The columns.
        key: The key field, which is the first of ``names`` when it is not empty.
        instance_type: ``array`` for JSON lists; else objects.
    """
    import json

    def write_object(cells: "Sequence[str | None]") -> str:
        pairs = zip(labels, cells, strict=True)
        return "{" + ", ".join([label + (cell or "null") for label, cell in pairs]) + "}"

    def write_array(cells: "Sequence[str | None]") -> str:
        return "[" + ", ".join([cell or "null" for cell in cells]) + "]"

    def write_csv(cells: "Sequence[str | None]") -> str:
        pairs = zip(names, cells, strict=True)
        return ",".join([csv_cell(name, cell, name == key) for name, cell in pairs])

    labels = [json.dumps(name, ensure_ascii=False) + ": " for name in names]
    if instances_format == "jsonl":
        return write_array if instance_type == "array" else write_object
    return write_csv if instances_format == "csv" else listed_uri


def csv_cell(name: str, cell: str | None, is_key: bool = False) -> str:
    """Return a cell of CSV: a text in double quotes, a number as it is.

    Args:
        name: Its column.
        cell: Its JSON text.
        is_key: Whether it is the key, which is a text even when it looks like a number.

    Raises:
        ValueError: CSV has no place for it.
    """
    if cell is None or cell == "null":
        raise ValueError(f"the cell of '{name}' is missing, which a CSV file cannot say")
    if cell[0] in "[{":
        raise ValueError(f"the cell of '{name}' is a list or an object, which CSV has not")
    if cell[0] != '"' and not is_key and cell not in ("true", "false"):
        return cell
    text = plain_text(cell)
    if "\n" in text or "\r" in text:
        raise ValueError(f"the cell of '{name}' has a line break, which a CSV file must not have")
    return '"' + text.replace('"', '""') + '"'


def csv_heading(names: list[str]) -> str:
    """Return the first line of a CSV file.

    Raises:
        ValueError: E213, a name has a line break.
    """
    odd = [name for name in names if "\n" in name or "\r" in name]
    if odd:
        raise ValueError(f"E213 the name of the column {odd[0]!r} has a line break; rename it")
    return ",".join('"' + name.replace('"', '""') + '"' for name in names)


def listed_uri(cells: "Sequence[str | None]") -> str:
    """Return the line of a file list.

    Raises:
        ValueError: The only cell is no URI of an object.
    """
    text = plain_text(cells[0] or "null")
    if not text.startswith("gs://") or "/" not in text[5:].rstrip("/") or text != text.strip():
        raise ValueError(f"{text[:100]!r} is no gs://BUCKET/OBJECT")
    if "\n" in text or "\r" in text:
        raise ValueError(f"{text[:100]!r} has a line break")
    return text


def plain_text(cell: str) -> str:
    """Return the text of a JSON string; of any other JSON text that itself."""
    import json

    return str(json.loads(cell)) if cell[0] == '"' else cell


def finite_checker(names: list[str]) -> "Callable[[Sequence[str | None]], None]":
    """Return a function that refuses rows with NaN or Infinity, which JSON has not.

    It raises ValueError with the column.
    """
    decode = strict_decoder().decode

    def check(cells: "Sequence[str | None]") -> None:
        joined = ",".join([cell or "" for cell in cells])
        if "NaN" not in joined and "Infinity" not in joined:
            return
        for name, cell in zip(names, cells, strict=True):
            try:
                decode(cell or "null")
            except ValueError as error:
                raise ValueError(f"the cell of '{name}': {error}") from None

    return check


def sample_builder(names: list[str], form: str) -> "Callable[[Sequence[str | None]], Any]":
    """Return a function that turns the cells of a row into what the model gets, to be checked.

    Args:
        names: The columns, without the key.
        form: ``array`` for a list of the values; else an object.
    """
    import json

    build = line_builder("jsonl", names, "", form)
    return lambda cells: json.loads(build(cells))
