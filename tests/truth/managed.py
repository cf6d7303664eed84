"""Predictions of AutoML, embedding and Gemini models, and what each means as columns."""

import base64
from collections.abc import Sequence
from random import Random
from typing import Any

from truth.custom import Made, low
from truth.spelling import SLOT, Number, loses_digits, odd_number, odd_text, short_text

NAMES = ("daisy", "Caf\u00e9 \U0001f642", 'a "b"', "1", "")
BOX = ("x_min", "x_max", "y_min", "y_max")


def ranked(dice: Random, count: int, ordered: bool) -> tuple[list[str], list[Any], dict[str, Any]]:
    """Return labels, scores, and the columns of both."""
    labels = [dice.choice(NAMES) + str(number) for number in range(count)]
    scores: list[Any] = sorted((low(dice) for _ in range(count)), reverse=True)
    best = 0 if ordered else dice.randrange(count or 1)
    columns: dict[str, Any] = {"labels": labels, "scores": scores}
    if count:
        scores[best] = Number(SLOT)
        columns |= {"label": labels[best], "score": Number(SLOT)}
    return labels, scores, columns


def many(dice: Random, empty: float = 0.05) -> int:
    return 0 if dice.random() < empty else dice.randint(1, 5)


def image_classes(dice: Random) -> Made:
    labels, scores, columns = ranked(dice, many(dice), True)
    ids = [str(dice.getrandbits(63)) for _ in labels]
    value = {"ids": ids, "displayNames": labels, "confidences": scores}
    if dice.random() < 0.03:
        return Made({**value, "displayNames": [*labels, "one more"]}, {}, True)
    shown: list[Any] = [Number(name) for name in ids] if dice.random() < 0.03 else ids
    if dice.random() < 0.03:
        del value["ids"]
        return Made(value, columns)
    return Made({**value, "ids": shown}, {**columns, "ids": ids})


def table_classes(dice: Random) -> Made:
    if dice.random() < 0.05:
        value = {"scores": [0.5, 0.5, 0], "classes": ["b", "a", "c"]}
        return Made(
            value, {"labels": ["b", "a", "c"], "scores": [0.5, 0.5, 0], "label": "b", "score": 0.5}
        )
    labels, scores, columns = ranked(dice, many(dice), False)
    if dice.random() < 0.03:
        return Made({"scores": [*scores, 0.1], "classes": labels}, {}, True)
    return Made({"scores": scores, "classes": labels}, columns)


def detection(dice: Random) -> Made:
    labels, scores, columns = ranked(dice, many(dice), True)
    ids = [str(dice.getrandbits(63)) for _ in labels]
    boxes = [[dice.random() for _ in BOX] for _ in labels]
    value = {"ids": ids, "displayNames": labels, "confidences": scores, "bboxes": boxes}
    if dice.random() < 0.03:
        return Made({**value, "bboxes": [*boxes, [0, 1, 0, 1]]}, {}, True)
    columns["boxes"] = [dict(zip(BOX, box, strict=True)) for box in boxes]
    return Made(value, {**columns, "ids": ids})


def segmentation(dice: Random) -> Made:
    masks = [b"\x89PNG\r\n\x1a\n\0" + dice.randbytes(dice.randint(0, 40)) for _ in range(2)]
    first, second = (base64.b64encode(mask).decode() for mask in masks)
    if dice.random() < 0.1:
        return Made({"categoryMask": first}, {"category_mask": masks[0]})
    value = {"categoryMask": first, "confidenceMask": second}
    return Made(value, {"category_mask": masks[0], "confidence_mask": masks[1]})


def extraction(dice: Random) -> Made:
    labels, scores, columns = ranked(dice, many(dice), False)
    ids = [str(dice.getrandbits(63)) for _ in labels]
    starts = [dice.randrange(2**40) for _ in labels]
    ends = [start + dice.randrange(9) for start in starts]
    form = dice.choice([str, int, float])
    value = {
        "ids": ids,
        "displayNames": labels,
        "confidences": scores,
        "textSegmentStartOffsets": list(map(form, starts)),
        "textSegmentEndOffsets": list(map(form, ends)),
    }
    return Made(value, {**columns, "ids": ids, "starts": starts, "ends": ends})


def sentiment(dice: Random) -> Made:
    number = dice.choice([0, 1, 2, 3, Number(SLOT)])
    return Made({"sentiment": number}, {"value": number})


def seconds(dice: Random) -> float:
    return dice.randrange(10**7) / 1000


def video(dice: Random) -> Made:
    """Make the segments of a classification, of tracked objects or of actions."""
    labels, scores, columns = ranked(dice, many(dice, 0.1), False)
    tracked, typed = dice.random() < 0.4, dice.random() < 0.5
    names = ("ids", "types", "starts", "ends", "frames")
    found: dict[str, list[Any]] = {name: [] for name in names}
    segments = []
    for label, score in zip(labels, scores, strict=True):
        start, end, name = seconds(dice), seconds(dice), str(dice.getrandbits(63))
        segment: dict[str, Any] = {"id": name, "displayName": label, "confidence": score}
        segment |= {"timeSegmentStart": f"{start:.3f}s", "timeSegmentEnd": f"{end:.6f}s"}
        if typed:
            segment["type"] = "shot-classification"
        frames = [frame(dice) for _ in range(dice.randint(0, 3) * tracked)]
        if tracked:
            segment["frames"] = [shown for shown, _ in frames]
        for column, part in zip(
            found.values(), (name, segment.get("type"), start, end), strict=False
        ):
            column.append(part)
        found["frames"].append([box for _, box in frames])
        segments.append(segment)
    return Made(segments, {**columns, **found})


def frame(dice: Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the box of a tracked object, as it stands in the output and in the table."""
    time, numbers = seconds(dice), [dice.random() for _ in BOX]
    shown = dict(zip(("xMin", "xMax", "yMin", "yMax"), numbers, strict=True))
    return (
        {"timeOffset": f"{time:.3f}s", **shown},
        {"time": time, **dict(zip(BOX, numbers, strict=True))},
    )


def regression(dice: Random, bounds: float = 0.02) -> Made:
    """Make an estimate, with a lower and an upper bound in this share of the rows."""
    number = odd_number(dice) if dice.random() < 0.05 else Number(SLOT)
    value: dict[str, Any] = {"value": number}
    if dice.random() < bounds:
        value |= {"lower_bound": -low(dice), "upper_bound": low(dice) + 2}
    return Made(value, dict(value), loses_digits(number))


def bounded(dice: Random) -> Made:
    return regression(dice, 0.98)


def forecast(dice: Random) -> Made:
    value: dict[str, Any] = {"value": Number(SLOT)}
    columns: dict[str, Any] = {"value": Number(SLOT)}
    if dice.random() < 0.95:
        quantiles: list[Any] = [0.1, 0.5, 0.9][: dice.randint(1, 3)]
        predictions = [low(dice) for _ in quantiles]
        value |= {"quantile_values": quantiles, "quantile_predictions": predictions}
        columns |= {"quantiles": quantiles, "quantile_predictions": predictions}
    if dice.random() < 0.03:
        value["tft_feature_importance"] = {"context_weights": [0.5, 0.5]}
    return Made(value, columns)


def embedding(dice: Random) -> Made:
    numbers: list[Any] = [low(dice) - 0.25 for _ in range(dice.choice([1, 3, 8]))]
    numbers[dice.randrange(len(numbers))] = Number(SLOT)
    tokens, truncated = dice.randrange(2000), dice.random() < 0.2
    statistics = {"token_count": dice.choice([tokens, float(tokens)]), "truncated": truncated}
    columns = {"vector": numbers, "tokens": tokens, "truncated": truncated}
    embeddings = {"statistics": statistics, "values": numbers}
    return Made([{"embeddings": embeddings}], columns, siblings={"status": ""})


def gemini(dice: Random) -> Made:
    answer = short_text(dice) + SLOT if dice.random() < 0.8 else odd_text(dice)
    reason, version = dice.choice(["STOP", "MAX_TOKENS"]), "gemini-2.5-flash"
    sent, got = dice.randrange(9999), dice.randrange(9999)
    time = f"2025-09-19T21:29:47.{dice.randrange(1000):03}+00:00"
    parts: Sequence[Any] = [{"text": answer}]
    response = {
        "candidates": [
            {
                "avgLogprobs": -low(dice),
                "content": {"parts": parts, "role": "model"},
                "finishReason": reason,
            }
        ],
        "modelVersion": version,
        "usageMetadata": {"promptTokenCount": sent, "candidatesTokenCount": got},
    }
    columns = {"text": answer, "finish_reason": reason, "model_version": version}
    columns |= {"processed_time": time}
    numbers = {"input_tokens": sent, "output_tokens": got}
    siblings = {"status": "", "processed_time": time}
    return Made(response, {**columns, **numbers}, siblings=siblings)


def explanation(dice: Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the member ``explanation`` and its columns but the JSON text."""
    features: dict[str, Any] = {"age": low(dice) - 0.25, "city \U0001f642": [low(dice)]}
    means = {"age": features["age"], "city \U0001f642": features["city \U0001f642"][0]}
    if dice.random() < 0.3:
        features["image"], means["image"] = [[0.1, 0.2], [0.3, 0.4]], None
    numbers = [low(dice), low(dice) + 0.5, dice.random() / 1000]
    names = ("baselineOutputValue", "instanceOutputValue", "approximationError")
    first: dict[str, Any] = dict(zip(names, numbers, strict=True))
    first |= {"featureAttributions": features, "outputIndex": [1], "outputName": "scores"}
    attributions: list[dict[str, Any]] = [first]
    if dice.random() < 0.3:
        attributions.append({"featureAttributions": {"age": 9.0}})
    columns = ("baseline_output", "instance_output", "approximation_error")
    found = dict(zip(columns, numbers, strict=True))
    return {"attributions": attributions}, {**found, "attributions": means}
