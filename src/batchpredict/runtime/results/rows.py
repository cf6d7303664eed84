"""One output row as a row of the predictions or of the failures: the meaning of every form."""

from typing import Any

from batchpredict.runtime.results.explanations import attribution_columns
from batchpredict.runtime.results.lines import (
    key_member,
    own_text,
    recover_key,
    row_key,
    spell_out_numbers,
    split_members,
)
from batchpredict.runtime.results.typed import typed_columns


def read_row(
    line: bytes | None, plan: dict[str, Any], decoders: tuple[Any, Any]
) -> tuple[bool, dict[str, Any]]:
    """Turn one line of a results file into a row of the predictions or of the failures.

    Args:
        line: The line; None for one that was too long to read.
        plan: From ``sniff_lines``.
        decoders: From ``line_decoders``.

    Returns:
        Whether the line holds a prediction, and the row without its ``source``. A line that
        cannot be read is a failure with the code E222.
    """
    try:
        if line is None:
            raise ValueError("the line is too long")
        members = split_members(line.decode(), decoders)
        failure = failure_of(members)
        if failure is None:
            return True, predicted_row(members, plan)
        row = {"key": row_key(members, plan["key_field"]), "instance": instance_of(members)[0]}
        if failure["code"] == "E222" or "prediction" in members:
            row["raw"] = short_text(own_text(line.decode()).rstrip("\r\n"))
        return False, {**row, **failure}
    except (ValueError, RecursionError, OverflowError) as error:
        return False, unreadable_row(line, plan["key_field"], str(error))


def unreadable_row(line: bytes | None, key_field: str, reason: str) -> dict[str, Any]:
    """Return the failure of a line that cannot be read, with the key that it still shows."""
    text = (line or b"").decode(errors="replace")
    shown = own_text(text)[:2000].encode(errors="replace").decode().rstrip("\n")
    key = recover_key(text, key_field)
    return {"key": key, "code": "E222", "message": reason[:2000], "raw": shown or None}


def failure_of(members: dict[str, tuple[str, Any]]) -> dict[str, Any] | None:
    """Return ``code`` and ``message`` of an output row without a prediction, else None.

    Args:
        members: Name, JSON text and value of each member of the row.
    """
    if members.get("error", ("", None))[1] not in (None, "", {}):
        return error_of(members["error"][1])
    status = members["status"][1] if "status" in members else None
    response = next((n for n in ("prediction", "response", "predictions") if n in members), None)
    if response in ("response", "predictions") or (response is None and "request" in members):
        empty = response is None or members[response][1] in (None, {}, [])
        if status or empty:
            return status_failure(status)
    elif response is None:
        reason = "the row has neither a prediction nor an error"
        return status_failure(status) if status else {"code": "E222", "message": reason}
    return None


def error_of(error: Any) -> dict[str, Any]:
    """Return ``code`` and ``message`` of an error, a ``google.rpc.Status`` or a text."""
    code, message = None, error
    if isinstance(error, dict):
        code = error.get("status", error.get("code"))
        message = error if error.get("message") is None else error["message"]
    return {"code": short_text(code) or "ERROR", "message": short_text(message)}


def status_failure(status: Any) -> dict[str, Any]:
    """Return ``code`` and ``message`` of a row whose ``status`` says what went wrong.

    The status is free text, which may hold the service's error as JSON behind a colon.
    """
    import json

    text = short_text(status)
    try:
        inner = json.loads(str(status)[str(status).index("{") :])["error"]
        code = short_text(inner.get("status", inner.get("code")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        code = ""
    return {"code": code or "ERROR", "message": text or "the row has no response"}


def short_text(value: Any) -> str:
    """Return a value as text of at most 2,000 characters that any file can hold."""
    import json

    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:2000].encode(errors="replace").decode()


def instance_of(members: dict[str, tuple[str, Any]]) -> tuple[str | None, str | None]:
    """Return the JSON text of the instance or request, and a note when it is not verbatim."""
    names = ("instance",) if "prediction" in members else ("instance", "request")
    raw = next((members[n][0] for n in names if n in members), None)
    spelled = None if raw is None else spell_out_numbers(raw)
    changed = spelled != raw
    return spelled, "NaN or Infinity in the instance is written as text" if changed else None


def predicted_row(members: dict[str, tuple[str, Any]], plan: dict[str, Any]) -> dict[str, Any]:
    """Return the row of the predictions; a prediction of another form has no typed columns."""
    instance, note = instance_of(members)
    key_field = plan["key_field"]
    name = next(n for n in ("prediction", "response", "predictions") if n in members)
    raw, value = members[name]
    row: dict[str, Any] = {"key": row_key(members, key_field), "instance": instance}
    row["prediction"] = raw
    try:
        row.update(typed_columns(plan["kind"], value, plan["labels"], members))
    except (ValueError, OverflowError) as error:
        note = "; ".join(filter(None, (note, str(error))))
    if plan["kind"] in ("custom", "regression", "forecast", "sentiment", "embedding"):
        note = "; ".join(filter(None, (note, rounded(raw, row))))
    member = key_member(list(members), key_field)
    known = {name, "instance", member or name}
    known |= {"request"} if name != "prediction" else set()
    known |= {"status", "processed_time"} if plan["kind"] in ("gemini", "embedding") else set()
    if plan["explained"] and "explanation" in members:
        row.update(attribution_columns(*members["explanation"]))
        known.add("explanation")
    if "error" in members:
        known.add("error")
    row["extra"] = extra_of(members, known)
    return {**row, "note": note or None}


def rounded(raw: str, row: dict[str, Any]) -> str | None:
    """Return a note when an integer of the prediction has more digits than a double holds."""
    import re

    typed = {"value", "score", "scores", "vector"} & set(row)
    if not typed or not re.search(r"\d{16}", raw):
        return None
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", raw)
    integers = re.findall(r"(?<![\d.eE+\-])-?\d{16,}(?=\.0+(?!\d|[eE])|(?![\d.eE]))", bare)
    lost = [text for text in integers if int(float(text)) != int(text)]
    return f"{lost[0][:40]} has more digits than a number column holds" if lost else None


def extra_of(members: dict[str, tuple[str, Any]], known: set[str]) -> str | None:
    """Return the JSON object of the members that are not known, None when there are none."""
    import json

    others = [f"{json.dumps(n)}: {raw}" for n, (raw, _) in members.items() if n not in known]
    return "{" + ", ".join(others) + "}" if others else None
