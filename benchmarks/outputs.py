"""Outputs of batch prediction jobs for the benchmarks: the same rows for the same arguments.

usage: python benchmarks/outputs.py [--instances] FAMILY ROWS TARGET

``odd`` is ``tab`` with 1 % rows of ten odd forms, ``cut`` is ``tab`` with one cut line in every
shard. ``--instances`` writes what was predicted for ``tab`` or ``key`` instead: one file of JSON
Lines in another order, without spaces. Scores are 32-bit floats written as doubles, of 17 digits,
as Vertex AI writes them.
"""

import argparse
import json
import os
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np

SHARDS = 10  # at least
ROWS_PER_SHARD = 100_000  # at most
ODD_SHARE = 0.01
FLOWERS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
FLOWER_IDS = (
    "4421133463428005888",
    "7744821105529700352",
    "1115463224100618240",
    "9032976481855393792",
    "5573854981031854080",
)
SPECIES = ("setosa", "versicolor", "virginica")
CITIES = ("Lisboa", "São Paulo", "Zürich", "Kraków", "東京", "New York", "Cairo", "Oslo")
DEVICES = ("mobile", "desktop", "tablet", None)
Columns = dict[str, list[Any]]


def single(values: Any) -> Any:
    """Round to 32-bit floats, which have 17 digits when written as doubles."""
    return values.astype(np.float32).astype(np.float64)


def features(rng: np.random.Generator, rows: int) -> Columns:
    """Return 20 features: 8 floats, 4 integers, 6 texts, a boolean and a float with nulls."""

    def some(values: tuple[str | None, ...]) -> list[str | None]:
        return [values[it] for it in rng.integers(0, len(values), rows).tolist()]

    columns: Columns = {}
    for number in range(8):
        columns[f"num_{number}"] = np.round(rng.normal(50, 20, rows), 6).tolist()
    for number in range(4):
        columns[f"int_{number}"] = rng.integers(0, 100_000, rows).tolist()
    columns["city"] = some(CITIES)
    columns["device"] = some(DEVICES)
    columns["segment"] = [f"segment-{it}" for it in rng.integers(0, 40, rows).tolist()]
    columns["sku"] = [f"SKU-{it:08d}" for it in rng.integers(0, 10**7, rows).tolist()]
    columns["is_new"] = (rng.random(rows) < 0.3).tolist()
    columns["ts"] = [moment(it) for it in rng.integers(0, 10**6, rows).tolist()]
    columns["user_id"] = [str(it) for it in rng.integers(2**60, 2**62, rows).tolist()]
    income, unknown = np.round(rng.gamma(2, 2, rows), 4).tolist(), rng.random(rows) < 0.1
    columns["income"] = [None if no else it for it, no in zip(income, unknown, strict=True)]
    return columns


def moment(number: int) -> str:
    day = f"{1 + number % 12:02d}-{1 + number % 28:02d}"
    return f"2025-{day}T{number % 24:02d}:{number % 60:02d}:{number * 7 % 60:02d}Z"


def objects(columns: Columns) -> Iterator[str]:
    """Yield each row of ``columns`` as a JSON object."""
    members = [
        [f'"{name}": {json.dumps(value)}' for value in values] for name, values in columns.items()
    ]
    return ("{" + ", ".join(row) + "}" for row in zip(*members, strict=True))


def listed(values: Any) -> str:
    return "[" + ", ".join(map(json.dumps, values)) + "]"


def three_scores(rng: np.random.Generator, rows: int) -> list[list[float]]:
    return list(single(rng.dirichlet(np.ones(3), rows)).tolist())


def img(rng: np.random.Generator, rows: int, first: int) -> Iterator[str]:
    """AutoML images: two to five of five classes, the best first."""
    confidences = single(rng.dirichlet(np.full(5, 0.5), rows))
    order = np.argsort(-confidences, axis=1)
    ranked = np.take_along_axis(confidences, order, 1).tolist()
    counts = rng.integers(2, 6, rows).tolist()
    for row, (count, places) in enumerate(zip(counts, order.tolist(), strict=True), first):
        best = places[:count]
        folder = "gs://my-bucket-us-central1/datasets/flowers"
        content = f"{folder}/part-{row % 997:03d}/image_{row:09d}.jpg"
        ids, names = (listed(known[it] for it in best) for known in (FLOWER_IDS, FLOWERS))
        yield (
            f'{{"instance": {{"content": "{content}", "mimeType": "image/jpeg"}}, "prediction": '
            f'{{"ids": {ids}, "displayNames": {names}, '
            f'"confidences": {listed(ranked[row - first][:count])}}}}}'
        )


def tab(rng: np.random.Generator, rows: int, first: int) -> Iterator[str]:  # noqa: ARG001
    """Tabular classification."""
    instances = objects(features(rng, rows))
    for instance, scores in zip(instances, three_scores(rng, rows), strict=True):
        yield f'{{"instance": {instance}, "prediction": {classified(scores)}}}'


def classified(scores: list[float]) -> str:
    return f'{{"classes": {listed(SPECIES)}, "scores": {listed(scores)}}}'


def reg(rng: np.random.Generator, rows: int, first: int) -> Iterator[str]:  # noqa: ARG001
    """Tabular regression with bounds."""
    instances = objects(features(rng, rows))
    value = single(rng.normal(1000, 300, rows))
    low, high = (single(value + sign * rng.gamma(2, 50, rows)) for sign in (-1, 1))
    columns = {"value": value, "lower_bound": low, "upper_bound": high}
    predictions = objects({name: it.tolist() for name, it in columns.items()})
    for instance, prediction in zip(instances, predictions, strict=True):
        yield f'{{"instance": {instance}, "prediction": {prediction}}}'


def scalar(rng: np.random.Generator, rows: int, first: int) -> Iterator[str]:  # noqa: ARG001
    """A custom model: lists of 20 numbers, one number each."""
    instances = np.round(rng.normal(0, 1, (rows, 20)), 6).tolist()
    for instance, value in zip(instances, single(rng.random(rows)).tolist(), strict=True):
        yield f'{{"instance": {listed(instance)}, "prediction": {value!r}}}'


def key(rng: np.random.Generator, rows: int, first: int) -> Iterator[str]:
    """A custom model with a key field: no instance."""
    for row, scores in enumerate(three_scores(rng, rows), first):
        score = max(scores)
        label = SPECIES[scores.index(score)]
        yield (
            f'{{"key": {row}, "prediction": {{"label": "{label}", "score": {score!r}, '
            f'"probabilities": {listed(scores)}}}}}'
        )


def expl(rng: np.random.Generator, rows: int, first: int) -> Iterator[str]:  # noqa: ARG001
    """Tabular classification with explanations."""
    columns = features(rng, rows)
    scores, instances = three_scores(rng, rows), objects(columns)
    given = single(rng.normal(0, 0.05, (20, rows))).tolist()
    shares = objects(dict(zip(columns, given, strict=True)))
    errors = single(rng.random(rows) * 1e-3).tolist()
    for instance, row, share, error in zip(instances, scores, shares, errors, strict=True):
        best = row.index(max(row))
        yield (
            f'{{"instance": {instance}, "prediction": {classified(row)}, "explanation": '
            f'{{"attributions": [{{"baselineOutputValue": 0.3333333432674408, '
            f'"instanceOutputValue": {row[best]!r}, "featureAttributions": {share}, '
            f'"outputIndex": [{best}], "outputDisplayName": "{SPECIES[best]}", '
            f'"approximationError": {error!r}, "outputName": "scores"}}]}}}}'
        )


def csv(rng: np.random.Generator, rows: int, first: int) -> Iterator[str]:  # noqa: ARG001
    """AutoML tables: the features and a score for each class."""
    columns = features(rng, rows)
    yield ",".join([*columns, *(f"species_{name}_score" for name in SPECIES)])
    for cells, scores in zip(
        zip(*columns.values(), strict=True), three_scores(rng, rows), strict=True
    ):
        yield ",".join(cell_text(value) for value in (*cells, *scores))


def cell_text(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, bool) else str(value)


def odd(rng: np.random.Generator, rows: int, first: int) -> Iterator[str]:
    """Tabular classification, one row in a hundred of an odd form."""
    for number, line in enumerate(tab(rng, rows, first), first):
        yield spoiled(line, number // 100 % 10) if number % 100 == 37 else line


def spoiled(line: str, form: int) -> str:
    """Return a row in one of ten odd forms; the first four have no prediction to read."""
    start, _, prediction = line.partition('"prediction": ')
    error = '"error": {"status": "INTERNAL", "message": "Internal error encountered."}}'
    return (
        line[: len(line) * 2 // 3],
        start + error,
        start + '"prediction": null}',
        f'{line[:-1]}, "prediction": {prediction}',
        start + '"prediction": 0.7310585618019104}',
        line.replace('"scores": [', '"scores": [NaN, ', 1),
        line.replace('"scores": [', '"scores": ["0.7", ', 1),
        line.replace('"scores": [', '"scores": [0.25, ', 1),
        f'{line[:-1]}, "region": "europe-west4"}}',
        line.replace('"int_0": ', '"int_0": 9007199254740993', 1),
    )[form]


def cut(rng: np.random.Generator, rows: int, first: int) -> Iterator[str]:
    """Tabular classification, one line of the shard cut."""
    for number, line in enumerate(tab(rng, rows, first)):
        yield line[: len(line) // 2] if number == rows // 2 else line


FAMILIES = {it.__name__: it for it in (img, tab, reg, scalar, key, expl, csv, odd, cut)}


def write_shard(family: str, shard: int, shards: int, rows: int, folder: Path) -> None:
    """Write one shard; its number is the seed."""
    name = f"prediction.results-{shard:05d}-of-{shards:05d}"
    if family == "csv":
        name = f"predictions_{shard + 1}.csv"
        header = ",".join(features(np.random.default_rng(), 0))
        (folder / f"errors_{shard + 1}.csv").write_text(f"{header},errors_species\n")
    lines = FAMILIES[family](np.random.default_rng(1000 + shard), rows, shard * rows)
    with (folder / name).open("w", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in lines)


def generate(family: str, rows: int, folder: Path) -> None:
    """Write ``rows`` output rows, or a few less when the shards cannot share them evenly."""
    folder.mkdir(parents=True)
    shards = max(SHARDS, rows // ROWS_PER_SHARD)
    with Pool(os.cpu_count()) as pool:
        work = [(family, it, shards, rows // shards, folder) for it in range(shards)]
        pool.starmap(write_shard, work, chunksize=1)
    if family != "csv":
        (folder / "prediction.errors_stats-00000-of-00001").touch()


def write_instances(family: str, rows: int, instances: Path) -> None:
    """Write what was predicted: shards backwards, the rows of each shuffled."""
    shards = max(SHARDS, rows // ROWS_PER_SHARD)
    count = rows // shards
    with instances.open("w", encoding="utf-8") as out:
        for shard in reversed(range(shards)):
            rng = np.random.default_rng(1000 + shard)
            columns = features(rng, count)
            if family == "key":
                columns = {"key": list(range(shard * count, (shard + 1) * count)), **columns}
            lines = [it.replace('": ', '":').replace(', "', ',"') for it in objects(columns)]
            out.writelines(f"{lines[it]}\n" for it in rng.permutation(count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("rows", type=int)
    parser.add_argument("target", type=Path)
    parser.add_argument("--instances", action="store_true")
    arguments = parser.parse_args()
    write = write_instances if arguments.instances else generate
    write(arguments.family, arguments.rows, arguments.target)


if __name__ == "__main__":
    main()
