"""Predictions about images and videos as columns."""

from typing import Any


def boxes_of(value: dict[str, Any], count: int) -> list[dict[str, float]]:
    """Return the boxes of a detection, whose order of coordinates is xMin, xMax, yMin, yMax.

    Args:
        value: The prediction.
        count: The number of boxes that there must be.

    Raises:
        ValueError: They are not as many lists of four numbers.
    """
    boxes = value.get("bboxes")
    if not isinstance(boxes, list) or len(boxes) != count:
        raise ValueError(f"bboxes does not hold {count} boxes")
    names = ("x_min", "x_max", "y_min", "y_max")
    for box in boxes:
        if not isinstance(box, list) or [type(n) in (int, float) for n in box] != [True] * 4:
            raise ValueError("a box is not four numbers")
    return [dict(zip(names, map(float, box), strict=True)) for box in boxes]


def masks_of(value: dict[str, Any]) -> dict[str, Any]:
    """Return the masks of a segmentation, still in base64.

    Raises:
        ValueError: There is no mask, or it is no base64.
    """
    import base64

    found = {}
    for name, column in (
        ("categoryMask", "category_mask"),
        ("confidenceMask", "confidence_mask"),
    ):
        mask = value.get(name)
        if mask is None:
            continue
        try:
            base64.b64decode(mask, validate=True)
        except (ValueError, TypeError):
            raise ValueError(f"{name} is no base64") from None
        found[column] = mask
    if not found:
        raise ValueError("there is no mask")
    return found


def seconds_of(text: object) -> float | None:
    """Return a time such as ``1.5s`` in seconds; None for ``inf``, the end of the video.

    Raises:
        ValueError: It is no such text.
    """
    import re

    if text in (None, "inf", "Infinity"):
        return None
    if not isinstance(text, str) or not re.fullmatch(r"-?\d+(?:\.\d+)?s", text):
        raise ValueError(f"{str(text)[:20]!r} is no time in seconds")
    return float(text[:-1])


def frames_of(frames: object) -> list[dict[str, float | None]]:
    """Return the boxes of a tracked object, one for each frame.

    Raises:
        ValueError: A frame is no object of a time and four numbers.
    """
    names = {"x_min": "xMin", "x_max": "xMax", "y_min": "yMin", "y_max": "yMax"}
    found = []
    for frame in frames if isinstance(frames, list) else []:
        if not isinstance(frame, dict):
            raise ValueError("a frame is no object")
        box: dict[str, float | None] = {"time": seconds_of(frame.get("timeOffset"))}
        for column, name in names.items():
            if type(frame.get(name, 0)) not in (int, float):
                raise ValueError(f"{name} of a frame is no number")
            box[column] = frame.get(name)
        found.append(box)
    return found


def segments_of(value: Any) -> dict[str, Any]:
    """Return the columns of a video's segments, one entry for each.

    Raises:
        ValueError: It is no list of segments.
    """
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise ValueError("the prediction of a video is a list of segments")
    scores = [part.get("confidence", 0.0) for part in value]
    labels = [part.get("displayName") for part in value]
    if not all(type(score) in (int, float) for score in scores):
        raise ValueError("the confidence of a segment is no number")
    if not all(isinstance(label, str) for label in labels):
        raise ValueError("a segment has no displayName")
    found: dict[str, Any] = {
        "labels": labels,
        "scores": scores,
        "ids": [None if part.get("id") is None else str(part["id"]) for part in value],
        "types": [None if part.get("type") is None else str(part["type"]) for part in value],
        "starts": [seconds_of(part.get("timeSegmentStart")) for part in value],
        "ends": [seconds_of(part.get("timeSegmentEnd")) for part in value],
        "frames": [frames_of(part.get("frames")) for part in value],
    }
    if scores:
        best = scores.index(max(scores))
        found.update(label=labels[best], score=scores[best])
    return found
