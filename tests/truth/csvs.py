"""Outputs in CSV: their predictions, headers and rows."""

import csv
import io
import json
import re
from random import Random
from typing import Any, NamedTuple

from truth.custom import Made, low, members, truth_value, vector
from truth.spelling import SLOT, Number, Style, short_text

TARGET = "is_good_\u00e9"
CLASSES = ["b", "a c", 'it\'s, "1"_score']
SPELT = Style(ascii=True)  # how the predictions are told, which are no JSON in the file
JSON_MARK = "json "  # texts that begin so stand in their cell as JSON
NAMES = ("Age", "city name", "Zip, code")


def classes(dice: Random) -> Made:
    scores: list[Any] = [low(dice) for _ in CLASSES]
    best = dice.randrange(len(scores))
    scores[best] = Number(SLOT)
    columns = {"labels": CLASSES, "scores": scores, "label": CLASSES[best], "score": Number(SLOT)}
    return Made({"classes": CLASSES, "scores": scores}, columns)


def estimate(dice: Random) -> Made:
    number = (
        Number(dice.choice(["1.10", "1E2", "0", "-7"])) if dice.random() < 0.2 else Number(SLOT)
    )
    return Made({"value": number}, {"value": number})


def quantiles(dice: Random) -> Made:
    if dice.random() < 0.1:
        return estimate(dice)
    numbers: list[Any] = [low(dice), Number(SLOT), low(dice)]
    value: dict[str, Any] = {"value": Number(SLOT), "quantile_predictions": numbers}
    columns = {**value, "quantiles": [0.1, 0.5, 0.9]}
    return Made({**value, "quantile_values": [0.1, 0.5, 0.9]}, columns)


def anything(dice: Random) -> Made:
    """Make what a custom model predicts: mostly a name, which stands in its cell as it is."""
    if dice.random() < 0.5:
        text = f"{short_text(dice)}|{SLOT}"
        spelt = json.dumps(text, ensure_ascii=False).replace(
            "\\u001f", "\\u001F"
        )  # as DuckDB does
        return Made(Number(spelt), {"label": text})
    if dice.random() < 0.1:
        text = JSON_MARK + short_text(dice)
        return Made(text, {"label": text})
    return dice.choice([vector, members, truth_value, estimate])(dice)


class Sheet(NamedTuple):
    """The columns of a CSV output; those of the prediction stand before ``inputs[at]``."""

    inputs: list[str]
    predictions: list[str]
    at: int

    def header(self) -> str:
        return csv_line([*self.inputs[: self.at], *self.predictions, *self.inputs[self.at :]])


def make_sheet(form: str, key: str, beside: bool, dice: Random) -> Sheet:
    """Choose the names and the order of the columns; ``beside`` the key are features or none."""
    inputs = dice.sample([key, *NAMES], len(NAMES) + 1) if beside else [key]
    predictions = [f"predicted_{TARGET}"]
    if form == "csv classes":
        ending = dice.choice(["score", "scores"])
        predictions = [f"{TARGET}_{name}_{ending}" for name in CLASSES]
    return Sheet(inputs, predictions, dice.choice([0, 2, len(inputs)]))


def prediction_cells(text: str) -> str:
    """Return the cells of a prediction, whose numbers stand as they are written."""
    value = json.loads(text.replace(SLOT, f'"{SLOT}"'), parse_float=str, parse_int=str)
    if "classes" in value:
        return ",".join(value["scores"])
    return str(value["value"]) if len(value) == 1 else csv_line([text])


def custom_cell(text: str) -> str:
    """Return the cell of a custom model's prediction: a number, JSON, or a text as it is."""
    number = re.fullmatch(r'\{"value": ([^"\[{]*)\}', text)
    if number:
        return number[1]
    plain = text.startswith('"') and not text.startswith(f'"{JSON_MARK}')
    return csv_line([json.loads(text) if plain else text])


def unreadable_cell(sheet: Sheet, dice: Random) -> str:
    """Return cells that are no prediction."""
    cells = [dice.choice(["", " ", "NaN", "-Infinity", "1e999"]) for _ in sheet.predictions]
    return ",".join(cells)


def csv_line(cells: list[str]) -> str:
    """Return cells as a line of CSV, without its end."""
    file = io.StringIO()
    csv.writer(file).writerow(cells)
    return file.getvalue().removesuffix("\r\n")


def csv_cell(text: str) -> str:
    return text if text.isalnum() else csv_line([text])


def feature_cells(dice: Random) -> dict[str, str]:
    """Return the text of every feature."""
    texts = ["72", "007", "1.10", "true", "a\nb", 'say "hi"', short_text(dice) or "x"]
    return {name: dice.choice(texts) for name in NAMES}


def csv_lines(
    sheet: Sheet, features: list[dict[str, str]], keys: list[str], predictions: list[str]
) -> list[str]:
    """Return the lines of rows.

    Args:
        sheet: The columns.
        features: The features of each row; equal ones are the same object.
        keys: The key of each row.
        predictions: The cells of each row's prediction.
    """
    halves: dict[int, tuple[str, str]] = {}
    for row in {id(row): row for row in features}.values():
        cells = [row.get(name, SLOT) for name in sheet.inputs]
        before = csv_line([*cells[: sheet.at], ""]) if sheet.at else ""
        after = csv_line(["", *cells[sheet.at :]]) if sheet.at < len(cells) else ""
        halves[id(row)] = before, after
    lines = []
    for row, key, answer in zip(features, keys, predictions, strict=True):
        before, after = halves[id(row)]
        lines.append(f"{before.replace(SLOT, key)}{answer}{after.replace(SLOT, key)}")
    return lines


def error_file(
    sheet: Sheet, features: list[dict[str, str]], keys: list[str], failed: list[int], text: str
) -> str:
    """Return the file of the failed rows, with no more than a header when there are none."""
    plain = Sheet(sheet.inputs, [f"errors_{TARGET}"], len(sheet.inputs))
    rows, names = [features[at] for at in failed], [keys[at] for at in failed]
    lines = csv_lines(plain, rows, names, [csv_line([text])] * len(failed))
    return "\n".join([plain.header(), *lines, ""])


def instance_text(row: dict[str, str], sheet: Sheet) -> str:
    """Return the JSON of a row's cells, all of them texts."""
    values = {name: row.get(name, SLOT) for name in sheet.inputs}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
