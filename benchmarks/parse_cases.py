"""The cases of the benchmark of ``parse_predictions``; each prints its table as Markdown."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.parse_runs import (
    FLAT,
    OURS,
    PANDAS,
    PEERS,
    SAME,
    Bench,
    Cost,
    check,
    interleaved,
    outcome,
    run_ours,
    run_peer,
)

READERS = (OURS, *PEERS)
# The share of the limit (decoding every value, plus the best Parquet writer) that bare DuckDB
# with the flat table reached where the limit was measured, by cpu time. Other machines are faster
# or slower at both, so the limit here is this share of what bare DuckDB takes here.
SHARES = {"tab": 0.47, "reg": 0.40, "scalar": 0.38, "key": 0.27, "expl": 0.48}


@dataclass(frozen=True)
class Sizes:
    """How many rows the cases have."""

    tab: int = 1_000_000
    others: int = 300_000
    growth: tuple[int, int] = (1_000_000, 5_000_000)
    copies: int = 4


def table(*head: str) -> Callable[..., None]:
    """Print the head of a table; return the function that prints a row."""
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    return lambda *cells: print("| " + " | ".join(cells) + " |", flush=True)


def megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.iterdir()) / 1e6


def ratio(costs: dict[str, Cost], name: str, base: str) -> str:
    """Return how many times as long ``name`` took as ``base``."""
    if name not in costs or base not in costs:
        return "-"
    return f"{costs[name].wall / costs[base].wall:.2f}"


def share(costs: dict[str, Cost], name: str, family: str) -> str:
    """Return how much of the limit ``name`` reached."""
    if family not in SHARES or FLAT not in costs or name not in costs:
        return "-"
    return f"{SHARES[family] * costs[FLAT].cpu / costs[name].cpu:.0%}"


@contextmanager
def section(title: str) -> Iterator[None]:
    before = os.getloadavg()[0]
    print(f"\n### {title}\n")
    yield
    print(f"\nLoad before and after: {before:.1f}, {os.getloadavg()[0]:.1f}.", flush=True)


def compare(bench: Bench, family: str, rows: int) -> tuple[dict[str, Cost], float]:
    """Return the costs of all readers on one output, and its megabytes."""
    folder = bench.folder(family, rows)
    runs = {it: partial(run_peer, bench, it, family, folder) for it in PEERS}
    ours = {OURS: partial(run_ours, bench, family, folder)}
    # Bare DuckDB first: its sum is what the others are checked against.
    checks = {it: partial(check, bench, it, family, rows) for it in READERS}
    return interleaved(bench, family, runs | ours, checks), megabytes(folder)


def show_tab(bench: Bench, sizes: Sizes) -> None:
    """Print every reader beside the others on the tabular output."""
    with section(f"Tabular classification, {sizes.tab:,} rows"):
        costs, size = compare(bench, "tab", sizes.tab)
        print(f"{size:.0f} MB in 10 shards.\n")
        row = table(
            "reader",
            "wall s",
            "cpu s",
            "peak MB",
            "output MB",
            "MB / cpu s",
            "wall, to DuckDB flat",
            "wall, to DuckDB same columns",
            "of the limit",
            "times pandas",
        )
        for name in READERS:
            if name in costs:
                it = costs[name]
                figures = f"{it.wall:.2f}", f"{it.cpu:.2f}", f"{it.peak:.0f}", f"{it.written:.1f}"
                bare = ratio(costs, name, FLAT), ratio(costs, name, SAME)
                speed = f"{size / it.cpu:.0f}"
                last = share(costs, name, "tab"), ratio(costs, PANDAS, name)
                row(name, *figures, speed, *bare, *last)


def show_families(bench: Bench, sizes: Sizes) -> None:
    """Print wall seconds of every reader on the other outputs, and more about ours."""
    with section(f"Other families, {sizes.others:,} rows"):
        found = {
            family: compare(bench, family, sizes.others)
            for family in ("img", "reg", "scalar", "key", "expl", "csv")
        }
        print("Wall seconds:\n")
        row = table("family", "MB", *READERS)
        for family, (costs, size) in found.items():
            walls = (f"{costs[it].wall:.2f}" if it in costs else "-" for it in READERS)
            row(family, f"{size:.0f}", *walls)
        print("\n`parse_predictions`:\n")
        row = table(
            "family",
            "cpu s",
            "peak MB",
            "output MB",
            "wall, to DuckDB flat",
            "wall, to DuckDB same columns",
            "of the limit",
            "times pandas",
        )
        for family, (costs, _) in found.items():
            if OURS in costs:
                it = costs[OURS]
                bare = ratio(costs, OURS, FLAT), ratio(costs, OURS, SAME)
                last = share(costs, OURS, family), ratio(costs, PANDAS, OURS)
                row(family, f"{it.cpu:.2f}", f"{it.peak:.0f}", f"{it.written:.1f}", *bare, *last)


def show_odd(bench: Bench, sizes: Sizes) -> None:
    """Print what odd rows cost."""
    titles = {
        "tab": "none",
        "odd": "1 %, ten forms",
        "cut": "one cut line in every shard",
    }
    with section(f"Odd rows, {sizes.tab:,} rows of tabular classification"):
        folders = {family: bench.folder(family, sizes.tab) for family in titles}
        runs = {it: partial(run_ours, bench, it, folder) for it, folder in folders.items()}
        failed: dict[str, int] = {}

        def look(family: str, scratch: Path) -> None:
            failed[family] = outcome(scratch)["failed"]
            check(bench, OURS, family, sizes.tab, scratch)

        costs = interleaved(bench, "odd rows", runs, {it: partial(look, it) for it in titles})
        row = table("odd rows", "failed rows", "wall s", "cpu s", "peak MB", "wall, to clean")
        for family, it in costs.items():
            figures = f"{it.wall:.2f}", f"{it.cpu:.2f}", f"{it.peak:.0f}"
            row(titles[family], f"{failed[family]:,}", *figures, ratio(costs, family, "tab"))


def show_growth(bench: Bench, sizes: Sizes) -> None:
    """Print time and memory of ours on ever more rows; the largest output is made of links."""
    with section("Growth"):
        folders = {rows: bench.folder("tab", rows) for rows in sizes.growth}
        rows = sizes.growth[-1] * sizes.copies
        folders[rows] = linked(bench, folders[sizes.growth[-1]], sizes.copies, rows)
        line = table("rows", "input MB", "wall s", "cpu s", "MB / s", "peak MB")
        for rows, folder in folders.items():
            runs = {OURS: partial(run_ours, bench, "tab", folder)}
            checks = {OURS: partial(check, bench, OURS, "tab", rows)}
            for it in interleaved(bench, f"{rows:,} rows", runs, checks).values():
                size = megabytes(folder)
                figures = f"{it.wall:.2f}", f"{it.cpu:.2f}", f"{size / it.wall:.0f}"
                line(f"{rows:,}", f"{size:,.0f}", *figures, f"{it.peak:.0f}")


def linked(bench: Bench, folder: Path, copies: int, rows: int) -> Path:
    """Return a folder with each shard several times, numbered as the shards of one job."""
    made = bench.data / f"tab.{rows}.linked"
    made.mkdir(exist_ok=True)
    shards = sorted(folder.glob("prediction.results-*")) * copies
    for number, shard in enumerate(shards):
        link = made / f"prediction.results-{number:05d}-of-{len(shards):05d}"
        if not link.is_symlink():
            link.symlink_to(shard.resolve())
    (made / "prediction.errors_stats-00000-of-00001").touch()
    return made


def show_reconciliation(bench: Bench, sizes: Sizes) -> None:
    """Print what it costs to account for every row of the input."""
    titles = {"key": "by key", "tab": "no key, by instance"}
    with section(f"Reconciliation with the input, {sizes.tab:,} rows"):
        row = table(
            "output",
            "instances MB",
            "wall s without",
            "with",
            "more",
            "cpu s, with",
            "peak MB, with",
        )
        for family, title in titles.items():
            folder = bench.folder(family, sizes.tab)
            file = bench.instances(family, sizes.tab)
            runs = {
                "without": partial(run_ours, bench, family, folder),
                "with": partial(run_ours, bench, family, folder, instances=file),
            }
            checks = {it: partial(check, bench, OURS, family, sizes.tab) for it in runs}
            costs = interleaved(bench, f"reconciliation {title}", runs, checks)
            if len(costs) == len(runs):
                less, more = costs["without"], costs["with"]
                walls = f"{less.wall:.2f}", f"{more.wall:.2f}", f"{more.wall - less.wall:.2f}"
                size = f"{file.stat().st_size / 1e6:.1f}"
                row(title, size, *walls, f"{more.cpu:.2f}", f"{more.peak:.0f}")


CASES = {
    "tab": show_tab,
    "families": show_families,
    "odd": show_odd,
    "growth": show_growth,
    "reconciliation": show_reconciliation,
}
