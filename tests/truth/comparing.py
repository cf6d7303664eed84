"""Comparing what the component made of a job with the truth, row by row."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from truth.inputs import identity
from truth.jobs import Job
from truth.lines import Failure
from truth.parsing import Parsed
from truth.tables import compare_tables

FAILURES = dict.fromkeys(("key", "instance", "code", "message", "raw", "source"), "VARCHAR")
# Up to so many rows are compared in Python, without the engine that the component uses.
FEW = 5000


def check(job: Job, parsed: Parsed) -> None:
    """Raise an AssertionError that says all that differs, and how to make the job again."""
    found = [
        *differing("columns", [*job.columns.items()], parsed.columns("predictions")),
        *differing("failure columns", [*FAILURES.items()], parsed.columns("failures")),
        *compare_summary(job, parsed),
        *compare_failures(job, parsed.rows("failures")),
    ]
    if not found:
        few = len(job.predicted.keys) <= FEW
        found += compare_rows(job, parsed) if few else compare_tables(job, parsed)
    assert not found, "\n".join([repr(job.layout), *found])


def differing(what: str, expected: Any, found: Any) -> list[str]:
    """Return one line when two values differ."""
    return [] if expected == found else [f"{what}: expected {expected}, found {found}"]


def differing_counts(what: str, expected: Iterable[Any], found: Iterable[Any]) -> list[str]:
    """Return a line for either side of what two multisets do not share."""
    wanted, there = Counter(expected), Counter(found)
    return [
        f"{what} {side}: {sum(rows.values())}, such as {list(rows.items())[:2]}"
        for side, rows in (("absent", wanted - there), ("too much", there - wanted))
        if rows
    ]


def compare_summary(job: Job, parsed: Parsed) -> list[str]:
    """Compare the counts, the kind and the files of the summary."""
    layout, summary, counts = job.layout, parsed.summary(), job.counts()
    shown = summary["counts"]
    wanted_files = Counter([*job.predicted.sources, *(row.source for row in job.failures)])
    files = {file["name"]: file["predicted"] + file["failed"] for file in summary["files"]}
    sizes = {file["name"]: file["bytes"] for file in summary["files"]}
    really = {name: (job.directory / name).stat().st_size for name in files}
    found = [
        *differing("counts", counts, {name: shown.get(name) for name in counts}),
        *differing("result", tuple(counts.values())[1:4], tuple(parsed.result)),
        *differing("reconciled", layout.reconciled, summary["reconciled"]),
        *differing("rows of files", +wanted_files, +Counter(files)),
        *differing("bytes of files", really, sizes),
        *differing("unknown files", job.unknown, sorted(summary["unknown_files"])),
        *differing("noted", parsed.noted(), shown["noted"]),
    ]
    if layout.reconciled and layout.rows and layout.named != "mixed":
        matched = "instance" if layout.named == "none" else "key"
        found += differing("matched by", matched, summary["matched_by"])
    if len(job.predicted.keys) > layout.rows / 2:
        found += differing("kind", layout.kind, summary["kind"])
    return found


def compare_failures(job: Job, found: list[dict[str, Any]]) -> list[str]:
    """Compare the failures: those of output rows, and the input rows they name."""
    readable = [row for row in job.failures if row.raw is None]
    broken = [row for row in job.failures if row.raw is not None]
    named = [row for row in found if row["source"] is not None]
    shown = [row for row in named if row["raw"] is None]
    lines = [
        *differing_counts("failed rows", *told(readable, shown, ("key", "source"))),
        *differing_counts("codes", *told(readable, shown, ("key", "source", "code"))),
        *differing_counts("messages", *told(readable, shown, ("key", "source", "message"))),
    ]
    lines += differing_counts(
        "unreadable rows",
        [(row.raw, row.source) for row in broken],
        [(row["raw"].rstrip("\r"), row["source"]) for row in named if row["raw"] is not None],
    )
    codes = {row["code"] for row in found if row["source"] is None or row["raw"] is not None}
    if codes - {"E222", "MISSING"}:
        lines.append(f"codes of missing and unreadable rows: {codes}")
    return lines + (compare_unanswered(job, found) if job.layout.reconciled else [])


def told(
    wanted: list[Failure], shown: list[dict[str, Any]], names: tuple[str, ...]
) -> tuple[list[Any], list[Any]]:
    """Return some columns of failures and of what is shown, without what nobody demands."""
    expected = [tuple(row._asdict()[name] for name in names) for row in wanted]
    found = [tuple(row[name] for name in names) for row in shown]
    demanded = [row for row in expected if row[-1] is not None]
    free = Counter(row[:-1] for row in expected if row[-1] is None)
    left = [row for row in found if row in demanded or row[:-1] not in free]
    return demanded, left


def compare_unanswered(job: Job, found: list[dict[str, Any]]) -> list[str]:
    """Compare the input rows that the failures name with those that have no prediction."""
    keyed = job.layout.named != "none"

    def name(key: str | None, instance: str) -> str | None:
        if keyed:
            return key
        value = json.loads(instance) if job.layout.kind == "gemini" else None
        # A line of the input holds the request that an output row shows.
        return identity(json.dumps(value["request"]) if value and "request" in value else instance)

    return differing_counts(
        "unanswered inputs",
        [name(key, line) for key, line in job.unanswered],
        [
            name(row["key"], row["instance"])
            for row in found
            if (row["key"] if keyed else row["instance"]) is not None
        ],
    )


def compare_rows(job: Job, parsed: Parsed) -> list[str]:
    """Compare the predictions of a small job, in Python."""
    wanted, found = job.rows(), parsed.rows("predictions")
    for row in [*wanted, *found] if job.layout.csv else []:
        # The file has cells, no JSON.
        row["instance"] = row["instance"] and identity(row["instance"])
    for row in found:
        row["note"] = row["note"] is not None
        row["extra"] = row["extra"] and json.loads(row["extra"])
    lines = differing_counts("rows", map(without_note, wanted), map(without_note, found))
    if lines:
        return lines
    sure = Counter((without_note(row), row["note"]) for row in wanted if row["note"] is not None)
    there = Counter((without_note(row), row["note"]) for row in found)
    return differing_counts("notes", sure, (sure & there).elements())


def without_note(row: dict[str, Any]) -> str:
    """Return a row as text, which tells 0 from 0.0 and the order of lists."""
    values = {name: value for name, value in row.items() if name != "note"}
    values["extra"] = json.dumps(values["extra"], sort_keys=True)
    if values.get("attributions") is not None:
        values["attributions"] = sorted(values["attributions"].items())
    return repr(values)
