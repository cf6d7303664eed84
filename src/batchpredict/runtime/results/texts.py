"""Predictions that are or concern texts as columns: extraction, embeddings, Gemini."""

from typing import Any


def whole_number(value: object) -> int:
    """Return an offset, which stands as text, integer or float.

    Raises:
        ValueError: It is no whole number.
    """
    number = float(value) if isinstance(value, str | int | float) else 0.5
    if isinstance(value, bool) or number != int(number):
        raise ValueError(f"{str(value)[:20]!r} is no whole number")
    return int(number)


def extraction_of(value: dict[str, Any], count: int) -> dict[str, Any]:
    """Return where the extracted texts start and end; the end is inclusive.

    Raises:
        ValueError: They are not as many offsets.
    """
    found = {}
    for name, column in (("textSegmentStartOffsets", "starts"), ("textSegmentEndOffsets", "ends")):
        offsets = value.get(name)
        if not isinstance(offsets, list) or len(offsets) != count:
            raise ValueError(f"{name} does not hold {count} offsets")
        found[column] = [whole_number(offset) for offset in offsets]
    return found


def embedding_of(value: Any) -> dict[str, Any]:
    """Return the columns of an embedding, ``[{"embeddings": {"values": …, "statistics": …}}]``.

    Raises:
        ValueError: It has another form.
    """
    first = value[0] if isinstance(value, list) and value else None
    embeddings = first.get("embeddings") if isinstance(first, dict) else None
    values = embeddings.get("values") if isinstance(embeddings, dict) else None
    if not isinstance(values, list) or not all(type(part) in (int, float) for part in values):
        raise ValueError("predictions[0].embeddings.values is no list of numbers")
    statistics = embeddings.get("statistics") if isinstance(embeddings, dict) else None
    found: dict[str, Any] = {"vector": values}
    if isinstance(statistics, dict):
        tokens, truncated = statistics.get("token_count"), statistics.get("truncated")
        found["tokens"] = None if tokens is None else whole_number(tokens)
        found["truncated"] = truncated if isinstance(truncated, bool) else None
    return found


def generated_of(response: dict[str, Any], members: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """Return the columns of a Gemini response: the text of the first candidate, and its cost.

    Args:
        response: The member ``response``.
        members: Name, JSON text and value of each member of the row.

    Raises:
        ValueError: It has another form.
    """
    candidates = response.get("candidates") or [{}]
    first = candidates[0] if isinstance(candidates, list) else None
    content = first.get("content") or {} if isinstance(first, dict) else None
    parts = content.get("parts") or [] if isinstance(content, dict) else None
    if not isinstance(first, dict) or not isinstance(parts, list):
        raise ValueError("candidates[0].content.parts is no list")
    texts = [part["text"] for part in parts if isinstance(part, dict) and "text" in part]
    usage = response.get("usageMetadata") or {}
    time = members.get("processed_time", ("", None))[1]
    return {
        "text": "".join(map(str, texts)) if texts else None,
        "finish_reason": first.get("finishReason"),
        "model_version": response.get("modelVersion"),
        "input_tokens": usage.get("promptTokenCount"),
        "output_tokens": usage.get("candidatesTokenCount"),
        "processed_time": time,
    }
