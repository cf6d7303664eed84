"""Predictions of custom models: any JSON, and what each means as columns."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from truth.spelling import (
    REST,
    SLOT,
    Number,
    loses_digits,
    odd_number,
    odd_text,
    short_text,
)

LABELS = ("s\u00ed", "no", "quiz\u00e1s")


@dataclass(frozen=True)
class Made:
    """A prediction and the columns it must give.

    ``noted`` is None where nobody says whether the row needs a note. ``siblings`` are members of
    the row beside the prediction.
    """

    value: Any
    columns: dict[str, Any] = field(default_factory=dict)
    noted: bool | None = False
    siblings: dict[str, Any] = field(default_factory=dict)


Maker = Callable[[Random], Made]


def low(dice: Random) -> float:
    """Return a number below that of any slot."""
    return dice.random() / 2


def scalar(dice: Random) -> Made:
    number = odd_number(dice) if dice.random() < 0.1 else Number(SLOT)
    return Made(number, {"value": number}, loses_digits(number))


def probability(dice: Random) -> Made:
    """Make the probability of the second of the first two ``LABELS``."""
    if dice.random() < 0.6:
        scores = [Number(REST), Number(SLOT)]
        return Made(Number(SLOT), {"label": LABELS[1], "score": Number(SLOT), "scores": scores})
    second = dice.choice([0, 0.0, 0.1, 0.25, 0.49999999999999994, 0.5, 1, 1.0, low(dice)])
    label, score = (LABELS[1], second) if second >= 0.5 else (LABELS[0], 1 - second)
    return Made(second, {"label": label, "score": score, "scores": [1 - second, second]})


def truth_value(dice: Random) -> Made:
    value = dice.random() < 0.3
    return Made(value, {"label": "true" if value else "false"})


def text(dice: Random) -> Made:
    if dice.random() < 0.1:
        long = short_text(dice).ljust(1001, "y")
        return Made(long, {}, True)
    value = odd_text(dice) if dice.random() < 0.3 else short_text(dice) + SLOT
    return Made(value, {"label": value})


def vector(dice: Random) -> Made:
    """Make a list of numbers where no labels are given."""
    if dice.random() < 0.05:
        mixed = dice.choice([[], [1, "a"], [True, False], [[1, 2], [3, 4]], [None], [{"a": 1}]])
        return Made(mixed, {}, None)
    numbers: list[Any] = [low(dice) for _ in range(dice.randint(1, 6))]
    numbers[dice.randrange(len(numbers))] = Number(SLOT)
    if dice.random() < 0.05:
        numbers.append(odd_number(dice))
    return Made(numbers, {"vector": numbers}, loses_digits(numbers))


def class_scores(dice: Random) -> Made:
    """Make a list of as many numbers as there are ``LABELS``."""
    if dice.random() < 0.05:
        scores: list[Any] = dice.choice([[0.25, 0.5, 0.5], [1, 0, 1], [0, 0, 0], [-3.5, -1, -2]])
        best = scores.index(max(scores))
        found = {"label": LABELS[best], "score": scores[best], "scores": scores}
        return Made(scores, found)
    if dice.random() < 0.05:
        return Made([low(dice)] * dice.choice([1, 2, 4]), {}, True)
    best, scores = dice.randrange(3), [low(dice) for _ in LABELS]
    scores[best] = Number(SLOT)
    return Made(scores, {"label": LABELS[best], "score": Number(SLOT), "scores": scores})


def members(dice: Random) -> Made:
    """Make an object, some members of which bear the names of columns, and fit or not."""
    fitting: dict[str, Any] = {
        "label": short_text(dice) + SLOT,
        "score": Number(SLOT),
        "value": odd_number(dice),
        "scores": [low(dice), Number(SLOT)],
        "labels": [short_text(dice), "b"],
    }
    others: dict[str, Any] = {"label": 5, "score": "0.5", "value": None, "scores": {}, "labels": 1}
    columns: dict[str, Any] = {}
    value: dict[str, Any] = {"model": short_text(dice)}
    odd, usual = False, dice.random() < 0.8
    for name in dice.sample(sorted(fitting), 5 if usual else dice.randint(0, 5)):
        fits = usual or dice.random() < 0.85
        odd |= not fits
        value[name] = fitting[name] if fits else others[name]
        if fits:
            columns[name] = fitting[name]
    return Made(value, columns, None if odd else loses_digits(columns))


def nothing(_: Random) -> Made:
    return Made(None)


def anything(dice: Random) -> Made:
    """Make a value that no column takes."""
    leaf: list[Any] = [odd_number(dice), odd_text(dice), None, True, 1.5, [], {}]
    inner = {short_text(dice): dice.choice(leaf), "z": [dice.choice(leaf), dice.choice(leaf)]}
    deep: Any = {"slot": SLOT}
    for _ in range(dice.choice([1, 2, 50])):
        deep = [deep] if dice.random() < 0.5 else {"d": deep}
    value: dict[str, Any] = {"a": inner, "b": deep, "n": Number(SLOT), short_text(dice): 0}
    return Made(value if dice.random() < 0.7 else ["text", value], {}, None)


def mixed(dice: Random) -> Made:
    """Make any of them; no labels are given."""
    return dice.choice([scalar, truth_value, text, vector, members, nothing, anything])(dice)
