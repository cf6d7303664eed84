"""Rows of a BigQuery table as the lines that a job writes to Cloud Storage.

Columns and members are JSON texts throughout, so that no number is changed on the way.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def row_plan(columns: tuple[str, ...], key_field: str, target_column: str) -> dict[str, Any]:
    """Say what each column of a table is; rows with the same columns share a plan.

    Raises:
        ValueError: E227, several columns could be the prediction.
    """
    name = prediction_column(columns, target_column)
    if name:
        return column_plan(
            columns, key_field, "custom" if name == "prediction" else "automl", name
        )
    if {"predictions", "status"} <= set(columns):
        return column_plan(columns, key_field, "embedding", "predictions")
    if {"response", "status"} <= set(columns) or {"request", "status"} <= set(columns):
        return column_plan(columns, key_field, "gemini", "response")
    return column_plan(columns, key_field, "", "")


def prediction_column(columns: tuple[str, ...], target_column: str) -> str:
    """Return the column that holds the prediction, "" when there is none.

    Raises:
        ValueError: E227, several could be it, or none is the target's.
    """
    found = [name for name in columns if name == "prediction" or name.startswith("predicted_")]
    if target_column:
        wanted = [
            n for n in (f"predicted_{target_column}", target_column, "prediction") if n in found
        ]
    else:
        # A forecast also says when it was made, in predicted_on_<time column>.
        wanted = [name for name in found if not name.startswith("predicted_on_")] or found
    if (len(wanted) > 1 and not target_column) or (found and not wanted):
        other = f", which is not {target_column!r}" if target_column else ""
        raise ValueError(
            f"E227 the columns {', '.join(found[:20])} could hold the prediction; give the "
            f"model's target as target_column{other}"
        )
    return wanted[0] if wanted else ""


def column_plan(
    columns: tuple[str, ...], key_field: str, kind: str, prediction: str
) -> dict[str, Any]:
    """Return ``kind``, ``prediction``, ``key``, and the columns of each part with their labels.

    Args:
        columns: The table's columns.
        key_field: The column that identifies a row.
        kind: ``custom``, ``automl``, ``embedding``, ``gemini`` or "".
        prediction: The column of the prediction.

    Returns:
        ``instance``: what the model was given; ``maybe``: what is an explanation or an error when
        it looks like one, else part of the instance; ``beside``: what the service adds.
    """
    import json
    from json.encoder import encode_basestring as quoted

    own = {"gemini": {"request", "response", "status"}, "embedding": {"predictions", "status"}}
    taken = own.get(kind, {prediction})
    plan: dict[str, Any] = {"kind": kind, "prediction": prediction, "key": "", "beside": []}
    # To build a decoder takes longer than to read a prediction.
    plan.update(
        instance=[], maybe=[], decode=json.JSONDecoder(parse_int=str, parse_float=str).decode
    )
    for name in columns:
        label = quoted(name) + ": "
        if name in taken:
            continue
        if kind == "gemini" or (kind == "automl" and name.startswith("predicted_on_")):
            plan["beside"].append(name)
        elif name in ("explanation", "errors") or name.startswith("errors_"):
            plan["maybe"].append((name, label))
        else:
            plan["instance"].append((name, label))
        plan["key"] = name if name == key_field else plan["key"]
    return plan


def arrange_row(row: dict[str, str], plan: dict[str, Any]) -> dict[str, str]:
    """Return the members of the line that stands for a row, as JSON texts.

    Args:
        row: Name and JSON text of each column.
        plan: From ``row_plan`` of these columns.

    Returns:
        ``key``, ``instance``, ``prediction``, ``explanation``, ``error``; for an embedding
        ``predictions`` and ``status``; for Gemini ``request``, ``response``, ``status`` and the
        other columns. A ``prediction`` that is cut gives an ``error`` with the status E222.
    """
    members = {"key": row[plan["key"]]} if plan["key"] else {}
    if members and (members["key"] == "null" or members["key"][0] in "{["):
        members = {}
    parts = [label + row[name] for name, label in plan["instance"]]
    for name, label in plan["maybe"]:
        text = row[name]
        error = None if name == "explanation" else error_object(text)
        if error:
            members["error"] = error
        elif name == "explanation" and text.startswith("{"):
            members["explanation"] = text
        elif text != "null" or plan["kind"] != "automl":
            parts.append(label + text)
    # A service that is told the key gives it instead of the instance.
    if parts and not (len(parts) == 1 and plan["key"] == "key" and "key" in members):
        members["instance"] = "{" + ", ".join(parts) + "}"
    members.update(answer_of(row, plan))
    return members


def answer_of(row: dict[str, str], plan: dict[str, Any]) -> dict[str, str]:
    """Return the members that hold what the model answered."""
    kind, column = plan["kind"], plan["prediction"]
    if kind == "custom":
        return predicted_member(row[column], plan["decode"])
    members = {}
    if kind == "automl":
        members = {"prediction": row[column]}
    elif kind:
        names = (column,) if kind == "embedding" else ("request", column)
        members = {name: inner_json(row[name], plan["decode"]) for name in names if name in row}
        members["status"] = row["status"]
    for name in plan["beside"]:
        clash = ("key", "instance", "prediction", "predictions", "explanation", "error")
        members[f"column_{name}" if name in clash else name] = row[name]
    return members


def predicted_member(text: str, decode: "Callable[[str], Any]") -> dict[str, str]:
    """Return ``prediction`` from the column of a custom model, a STRING that holds JSON.

    A text that is no JSON is the prediction itself, unless it starts as a list or an object: then
    it is cut or broken, and must not pass as a label.
    """
    import json
    import re

    inner = inner_json(text, decode)
    if inner is not text or text[1:2] not in ("[", "{", " ", "\\"):
        return {"prediction": inner}
    content = str(json.loads(text)).strip()
    if not re.match(
        r'\[\s*(?:["\[{\]\d-]|true|false|null|NaN|Infinity|$)|\{\s*(?:["}]|$)', content
    ):
        return {"prediction": text}
    reason = f"the column prediction holds cut or broken JSON: {content[:500]}"
    return {"error": json.dumps({"status": "E222", "message": reason})}


def inner_json(text: str, decode: "Callable[[str], Any]") -> str:
    """Return the JSON that stands in a JSON string, or the string itself when there is none.

    ``NaN``, a key that stands twice or a number out of range stay as they are: the lines of a
    custom model hold them too, and their reader knows what to do.
    """
    import json

    if not text.startswith('"'):
        return text
    inner = str(json.loads(text)).strip()
    try:
        decode(inner)
    except RecursionError:
        pass
    except ValueError:
        return text
    return inner.replace("\n", " ").replace("\r", " ")


def error_object(text: str) -> str | None:
    """Return the JSON of an error, from the struct of code and message that a column may hold.

    The column of an input can have the same name: only an object with a ``message`` is an error.
    """
    import json

    if text[:1] not in ("{", "["):
        return None
    value = json.loads(text)
    value = value[0] if isinstance(value, list) and value else value
    if not isinstance(value, dict) or "message" not in value:
        return None
    empty = not value["message"] and value.get("code") in (None, 0, "0")
    return None if empty else json.dumps(value, ensure_ascii=False)
