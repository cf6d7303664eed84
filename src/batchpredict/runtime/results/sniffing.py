"""What an output holds, told from its first rows: kind, keys, the form of its lines."""

from typing import Any

from batchpredict.runtime.results.kinds import kind_of
from batchpredict.runtime.results.lines import line_decoders, row_key, split_members
from batchpredict.runtime.results.rows import failure_of
from batchpredict.runtime.results.shapes import join_shapes, line_form, shape_of
from batchpredict.runtime.results.sieve import every_line


def sniff_lines(
    sample: list[str], paths: list[str], kind: str, key_field: str, labels: list[str]
) -> dict[str, Any]:
    """Tell from the first rows of some shards how to read all of them.

    Args:
        sample: Some shards, from ``sample_files``.
        paths: All shards, looked through when no row of the sample holds a prediction.
        kind: The kind that the caller forces, or ``auto``: the kind of most rows.
        key_field: The field that holds a key.
        labels: Names of the classes in the model's order, for a custom model.

    Returns:
        A plan, which JSON can hold: ``key_field`` and ``labels`` as given, ``kind``, ``told``
        (whether any row holds a prediction),
        ``explained``, ``keyed`` (whether rows have keys; None when there are no rows), and
        ``form`` (of most lines) with the ``shape`` of the prediction, or None where only Python
        can read the lines.
    """
    found = first_rows(sample, key_field)
    rows = [row for row in found if failure_of(row[1]) is None]
    rows = rows or first_predictions(paths, key_field)
    keys = [row_key(members, key_field) is not None for _, members in rows or found]
    votes = [kind_of(members) for _, members in rows]
    kind = kind if kind != "auto" else most_common(votes) or "custom"
    explained = most_common(["explanation" in members for _, members in rows])
    return {
        "key_field": key_field,
        "labels": labels,
        "kind": kind,
        "told": bool(rows),
        "explained": bool(explained),
        "keyed": 2 * sum(keys) >= len(keys) if keys else None,
        "form": usual_form(rows),
    }


def most_common(values: list[Any]) -> Any:
    """Return the value that stands most often, the first of equals; None of no values."""
    from collections import Counter

    return Counter(values).most_common(1)[0][0] if values else None


def first_rows(paths: list[str], key_field: str) -> list[tuple[str, dict[str, tuple[str, Any]]]]:
    """Return line and members of the first readable rows, at most 100 of each shard."""
    decoders = line_decoders()
    found = []
    for path in paths:
        with open(path, "rb") as file:
            head = file.read(2**18).removeprefix(b"\xef\xbb\xbf").split(b"\n")
        for line in head[:100] if len(head) == 1 else head[:-1][:100]:
            row = readable_row(line, key_field, decoders)
            if row:
                found.append(row)
    return found


def readable_row(
    line: bytes | None, key_field: str, decoders: tuple[Any, Any]
) -> tuple[str, dict[str, tuple[str, Any]]] | None:
    """Return a line as text and its members, None when it cannot be read."""
    try:
        text = (line or b"").decode().rstrip("\r\n")
        members = split_members(text, decoders)
        row_key(members, key_field)
    except (ValueError, RecursionError):
        return None
    return text, members


def first_predictions(
    paths: list[str], key_field: str
) -> list[tuple[str, dict[str, tuple[str, Any]]]]:
    """Return the first 100 rows with a prediction, where all rows before them failed."""
    import itertools

    decoders = line_decoders()
    rows = (readable_row(line, key_field, decoders) for _, line in every_line(paths))
    good = (row for row in rows if row and failure_of(row[1]) is None)
    return list(itertools.islice(good, 100))


def usual_form(rows: list[tuple[str, dict[str, tuple[str, Any]]]]) -> dict[str, Any] | None:
    """Return the form of most lines with the shape of their predictions.

    Args:
        rows: Line and members of some rows.

    Returns:
        ``names``, ``comma``, ``colon``, ``shape`` and the shape of the ``explanation``, or None.
    """
    import json

    lines = [(line_form(text, members), members) for text, members in rows]
    usual = most_common([json.dumps(form) for form, _ in lines if form])
    like = [members for form, members in lines if json.dumps(form) == usual]
    if not like or "prediction" not in like[0]:
        return None
    shape = usual_shape([members["prediction"][1] for members in like], 4)
    if shape is None:
        return None
    explanations = [m["explanation"][1] for m in like if "explanation" in m]
    return {**json.loads(usual), "shape": shape, "explanation": usual_shape(explanations, 6)}


def usual_shape(values: list[Any], depth: int) -> Any:
    """Return the shape of most values, None when they have none or are nested deeper."""
    shapes = [s for s in (shape_of(value, depth) for value in values) if s is not None]
    usual = most_common(shapes)
    for other in shapes:
        usual = join_shapes(usual, other) or usual
    return usual
