"""Predictions that are or concern texts as columns: extraction, embeddings, Gemini."""

from typing import Any


def whole_number(value: object) -> int:
    """Return an offset, which stands as text, integer or float.

    Raises:
        ValueError: It is no whole number.
    """
    import re

    plain = isinstance(value, int | float) or re.fullmatch(r"\d{1,15}(\.0+)?", str(value))
    number = float(value) if plain else 0.5  # type: ignore[arg-type]
    if isinstance(value, bool) or not abs(number) < 2**53 or number != int(number):
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
    first = value[0] if isinstance(value, list) and value else {}
    embeddings = member_of(member_of({"first": first}, "first"), "embeddings")
    values = embeddings.get("values")
    if not isinstance(values, list) or not all(type(part) in (int, float) for part in values):
        raise ValueError("predictions[0].embeddings.values is no list of numbers")
    statistics = member_of(embeddings, "statistics")
    truncated = statistics.get("truncated")
    return {
        "vector": values,
        "tokens": count_of(statistics, "token_count"),
        "truncated": truncated if isinstance(truncated, bool) else None,
    }


def generated_of(response: dict[str, Any], members: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """Return the columns of a Gemini response: the text of the first candidate, and its cost.

    Args:
        response: The member ``response``.
        members: Name, JSON text and value of each member of the row.

    Raises:
        ValueError: It has another form.
    """
    candidates = response.get("candidates", [])
    if not isinstance(candidates, list):
        raise ValueError("candidates is no list")
    first = member_of({"first": candidates[0] if candidates else {}}, "first")
    parts = member_of(first, "content").get("parts", [])
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise ValueError("candidates[0].content.parts is no list of objects")
    # A part that is a thought of the model is no part of its answer.
    answers = [part for part in parts if not part.get("thought")]
    texts = [str(part["text"]) for part in answers if isinstance(part.get("text"), str)]
    usage = member_of(response, "usageMetadata")
    return {
        "text": "".join(texts) if texts else None,
        "finish_reason": text_of(first, "finishReason"),
        "model_version": text_of(response, "modelVersion"),
        "input_tokens": count_of(usage, "promptTokenCount"),
        "output_tokens": count_of(usage, "candidatesTokenCount"),
        "processed_time": text_of(
            {n: value for n, (_, value) in members.items()}, "processed_time"
        ),
    }


def member_of(holder: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a member that is an object, an empty one when it is absent or null.

    Raises:
        ValueError: It is something else.
    """
    value = holder.get(name)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{name} is no object")
    return value or {}


def text_of(holder: dict[str, Any], name: str) -> str | None:
    """Return a member that is a text, None when it is absent or something else."""
    value = holder.get(name)
    return value if isinstance(value, str) else None


def count_of(holder: dict[str, Any], name: str) -> int | None:
    """Return a member that is a whole number, None when it is absent or null.

    Raises:
        ValueError: It is something else.
    """
    value = holder.get(name)
    return None if value is None else whole_number(value)
