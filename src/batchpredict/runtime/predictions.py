"""Rows of a batch prediction's output, made flat."""

from typing import Any

from batchpredict.runtime.shards import parse_object, read_lines, strict_decoder


def text_of(key: object) -> str | None:
    """Return a key as the text that Vertex AI writes for it; None when there is none."""
    import json

    if key is None or isinstance(key, str):
        return key
    return json.dumps(key, ensure_ascii=False)


def row_key(row: dict[str, Any], key_field: str) -> str | None:
    """Return the key of an output row, from ``key`` or from its instance."""
    if "key" in row:
        return text_of(row["key"])
    instance = row.get("instance")
    return text_of(instance.get(key_field)) if isinstance(instance, dict) else None


def recover_key(line: bytes, key_field: str) -> str | None:
    """Return the key of a line that is no valid row, when it still shows plainly."""
    import json
    import re

    text = line.decode(errors="replace")
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        start = re.match(r'\s*\{\s*"key"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d{1,100})\s*[,}]', text)
        try:
            row = {"key": json.loads(start[1])} if start else {}
        except ValueError:
            row = {}
    key = row_key(row, key_field) if isinstance(row, dict) else None
    return key and key.encode(errors="replace").decode()


def class_scores(prediction: object, labels: list[str]) -> list[float] | None:
    """Return the score of each label when the prediction gives them, else None.

    A number between 0 and 1 is the probability of the second of two labels.
    """
    if type(prediction) in (int, float) and len(labels) == 2:
        second = float(prediction)  # type: ignore[arg-type]
        return [1 - second, second] if 0 <= second <= 1 else None
    if not isinstance(prediction, list) or not labels or len(prediction) != len(labels):
        return None
    numbers = all(type(score) in (int, float) for score in prediction)
    return [float(score) for score in prediction] if numbers else None


def flatten(prediction: object, labels: list[str]) -> dict[str, Any]:
    """Return what a prediction of a custom model means, as far as its form tells.

    Args:
        prediction: Any JSON value.
        labels: Names of the classes in the model's order; empty for a regression.

    Returns:
        ``label``, ``score`` (probability of that label), ``scores`` (of each label) and ``value``;
        None where the form tells nothing.
    """
    flat: dict[str, Any] = dict.fromkeys(("label", "score", "scores", "value"))
    scores = class_scores(prediction, labels)
    if isinstance(prediction, str):
        flat["label"] = prediction
    elif isinstance(prediction, bool):
        flat["label"] = str(prediction).lower()
    elif isinstance(prediction, int | float) and not labels:
        flat["value"] = float(prediction)
    elif scores:
        # Of a tie in a pair the second wins: a probability of 0.5 is a yes.
        tie = len(scores) == 2 and not isinstance(prediction, list) and scores[1] >= 0.5
        best = 1 if tie else scores.index(max(scores))
        flat.update(label=labels[best], score=scores[best], scores=scores)
    return flat


def failure_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return ``instance``, ``code`` and ``message`` of an output row without a prediction."""
    import json

    error = row.get("error")
    if isinstance(error, dict):
        code, message = error.get("status", error.get("code")), error.get("message")
        message = json.dumps(error, ensure_ascii=False) if message is None else message
    elif error is None:
        code, message = "E222", "the row has neither a prediction nor an error"
    else:
        code, message = None, error
    instance = json.dumps(row["instance"], ensure_ascii=False) if "instance" in row else None
    return {
        "instance": instance,
        "code": text_of(code) or "ERROR",
        "message": (text_of(message) or "")[:2000],
    }


def json_codec() -> tuple[Any, Any]:
    """Return a strict decoder, and an encoder that refuses what is no JSON."""
    import json

    return strict_decoder(), json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def read_row(
    line: bytes | None, key_field: str, labels: list[str], codec: tuple[Any, Any]
) -> tuple[bool, dict[str, Any]]:
    """Turn one line of a results shard into a row of the predictions or of the failures.

    Args:
        line: The line; None for one that was too long to read.
        key_field: The field of an instance that holds its key.
        labels: Names of the classes in the model's order.
        codec: From ``json_codec``.

    Returns:
        Whether the line holds a prediction, and the row without its ``source``. A line that
        cannot be read is a failure with the code E222.
    """
    decoder, encoder = codec
    try:
        if line is None:
            raise ValueError("the line is too long")
        row = parse_object(line, decoder)
        key = row_key(row, key_field)
        if row.get("error") is not None or "prediction" not in row:
            return False, {"key": key, **failure_of(row)}
        raw = encoder.encode(row["prediction"])
        return True, {"key": key, "prediction": raw, **flatten(row["prediction"], labels)}
    except (ValueError, RecursionError, OverflowError) as error:
        shown = ascii((line or b"").decode(errors="replace")[:200])
        cut = "" if line is None or line.endswith(b"\n") else "the file ends inside this line, "
        return False, {
            "key": recover_key(line or b"", key_field),
            "instance": None,
            "code": "E222",
            "message": f"{cut}{error}: {shown}",
        }


def write_rows(
    folder: str, shards: list[str], scratch: str, key_field: str, labels: list[str]
) -> dict[str, Any]:
    """Stream shards into two scratch files of flat rows, one line at a time.

    Args:
        folder: Where the shards are.
        shards: Their names.
        scratch: Folder for ``predicted.jsonl`` and ``failed.jsonl``.
        key_field: The field of an instance that holds its key.
        labels: Names of the classes in the model's order.

    Returns:
        ``files`` (``name``, ``bytes`` and ``rows`` of each shard) and ``longest``, the bytes of
        the longest line written.
    """
    import json
    import os

    files, longest, codec = [], 0, json_codec()
    with (
        open(os.path.join(scratch, "predicted.jsonl"), "w", encoding="ascii") as predicted,
        open(os.path.join(scratch, "failed.jsonl"), "w", encoding="ascii") as failed,
    ):
        for name in shards:
            path, rows = os.path.join(folder, name), 0
            for line in read_lines(path):
                if line is not None and not line.strip():
                    continue
                good, row = read_row(line, key_field, labels, codec)
                text = json.dumps({**row, "source": name}) + "\n"
                (predicted if good else failed).write(text)
                rows, longest = rows + 1, max(longest, len(text))
            files.append({"name": name, "bytes": os.path.getsize(path), "rows": rows})
    return {"files": files, "longest": longest}


def write_keys(path: str, key_field: str, scratch: str) -> int:
    """Stream the instances into a scratch file of keys.

    Args:
        path: JSON Lines of objects, as the batch prediction read them.
        key_field: The field that holds the key.
        scratch: Folder for ``inputs.jsonl``.

    Returns:
        The bytes of the longest line written.

    Raises:
        ValueError: E201 no such file, E202 a line is no JSON object, E206 a key is missing.
    """
    import json
    import os

    if not os.path.isfile(path):
        raise ValueError(
            f"E201 there are no instances at {path}; give the file that was predicted"
        )
    longest, decoder = 0, strict_decoder()
    with open(os.path.join(scratch, "inputs.jsonl"), "w", encoding="ascii") as inputs:
        for number, line in enumerate(read_lines(path), start=1):
            if line is not None and not line.strip():
                continue
            try:
                row = parse_object(line or b"", decoder)
            except ValueError as error:
                raise ValueError(f"E202 line {number} of the instances {path}: {error}") from None
            key = text_of(row.get(key_field))
            if key is None:
                raise ValueError(
                    f"E206 line {number} of the instances {path} has no '{key_field}'; "
                    "give key_field the name of the field that tells the instances apart"
                )
            instance = (line or b"").decode().strip()
            text = json.dumps({"key": key, "instance": instance}) + "\n"
            inputs.write(text)
            longest = max(longest, len(text))
    return longest
