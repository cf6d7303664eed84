"""The files of an output directory."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np

from truth.layouts import Layout

SHARDED = "prediction.results-{0:05}-of-{1:05}"
COUNTED = "predictions_{2:05}.jsonl"


def shard_names(layout: Layout) -> list[str]:
    """Return the names of the shards, in one of the ways that jobs name them."""
    patterns = [SHARDED, f"{SHARDED}.jsonl", COUNTED]
    if layout.csv:
        patterns = [f"{SHARDED}.csv", "predictions_{2}.csv", "tables_{2}.csv"]
    elif layout.explained:
        explained = SHARDED.replace("prediction", "explanation")
        patterns = [explained, f"{explained}.jsonl"]
    elif layout.kind == "gemini" and layout.shards == 1:
        patterns[2] = "predictions.jsonl"
    pattern = patterns[layout.naming % len(patterns)]
    return [pattern.format(n, layout.shards, n + 1) for n in range(layout.shards)]


def shard_sizes(layout: Layout, rng: np.random.Generator, rows: int) -> list[int]:
    """Return how many of the rows each shard holds: very different numbers, often none."""
    weights = rng.exponential(size=layout.shards) ** 2
    weights[rng.random(layout.shards) < 0.2] = 0
    weights[0] += not weights.sum()
    return list(rng.multinomial(rows, weights / weights.sum()).tolist())


def write_shards(
    folder: Path,
    layout: Layout,
    dice: Random,
    rng: np.random.Generator,
    lines: Sequence[str],
    header: str = "",
) -> list[str]:
    """Write the lines into shards in random order; those that are empty are of rows without one.

    Args:
        folder: The output directory.
        layout: How to write them.
        dice: Chooses what is odd.
        rng: Chooses the order.
        lines: A line for each row; bytes that are no UTF-8 stand as lone surrogates.
        header: The first line of each shard that has lines, or none.

    Returns:
        The name of each row's shard.
    """
    order = rng.permutation([at for at, line in enumerate(lines) if line])
    names, sources, start = shard_names(layout), [""] * len(lines), 0
    for name, size in zip(names, shard_sizes(layout, rng, len(order)), strict=True):
        rows = order[start : start + size].tolist()
        start += size
        content = [header] * bool(header and (size or dice.random() < 0.5))
        content += [lines[at] for at in rows]
        (folder / name).write_bytes(shard_bytes(layout, dice, content))
        for at in rows:
            sources[at] = name
    return sources


def shard_bytes(layout: Layout, dice: Random, content: list[str]) -> bytes:
    """Return the bytes of a shard, with what is odd about line ends."""
    end = "\r\n" if "crlf" in layout.odd else "\n"
    if "blanks" in layout.odd and not layout.csv:
        for _ in range(dice.randint(0, 3)):
            content.insert(dice.randint(0, len(content)), dice.choice(["", " ", "\t "]))
    text = end.join(content) + end * bool(content)
    # A CSV file whose last row has no end, beside others that have, is taken for cut off.
    if "unended" in layout.odd and (layout.csv or dice.random() < 0.5):
        text = text.removesuffix(end)
    if "mark" in layout.odd and (text or not layout.csv) and dice.random() < 0.7:
        text = "\ufeff" + text
    return text.encode(errors="surrogateescape")


def write_others(folder: Path, layout: Layout, dice: Random) -> list[str]:
    """Write files that hold no rows; return the names in the folder that nobody knows."""
    if "statistics" in layout.odd and not layout.csv:
        line = "('Post request fails. Error: \"504\", it\\'s late', 16)\n"
        (folder / "prediction.errors_stats-00000-of-00002").write_text(line)
        (folder / "prediction.errors_stats-00001-of-00002").write_text("")
    if "others" not in layout.odd:
        return []
    deep = folder / "job-123" / "bp_monitoring" / "stats"
    deep.mkdir(parents=True)
    (deep / "predictions_00001.jsonl").write_text('{"key": "x", "prediction": 1}\n')
    names = dice.sample(["README.txt", "_SUCCESS", "prediction.results.txt", "notes.json"], 2)
    for name in names:
        (folder / name).write_text('{"key": "x", "prediction": 1}\n')
    return sorted([*names, "job-123"])
