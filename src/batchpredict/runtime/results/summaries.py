"""What an output holds, in numbers: the manifest, and a page for the console."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.tables import count_rows

if TYPE_CHECKING:
    import duckdb


def describe_output(con: "duckdb.DuckDBPyConnection", failures: str) -> dict[str, Any]:
    """Return the distributions of labels, values, scores and failure codes.

    Labels and codes are the 100 most frequent. The mean is exact and then rounded once, so that it
    does not depend on the order of the rows.

    Args:
        con: The scratch database with ``predicted``.
        failures: Name of the table of all failures.
    """

    def distribution(column: str, table: str) -> dict[str, int]:
        query = (
            f"SELECT {column}, count(*) AS n FROM {table} WHERE {column} IS NOT NULL "
            f"GROUP BY ALL ORDER BY n DESC, {column} LIMIT 100"
        )
        return dict(con.execute(query).fetchall())

    bins = con.execute(
        "SELECT least(19, floor(score * 20))::INTEGER AS bin, count(*) FROM predicted "
        "WHERE score BETWEEN 0 AND 1 GROUP BY bin"
    ).fetchall()
    histogram = [0] * 20
    for place, rows in bins:
        histogram[place] = rows
    return {
        "labels": distribution("label", "predicted"),
        "values": describe_values(con),
        "score_histogram": histogram,
        "failure_codes": distribution("code", failures),
    }


def describe_values(con: "duckdb.DuckDBPyConnection") -> dict[str, Any]:
    """Return ``count``, ``min``, ``mean`` and ``max`` of the predicted values."""
    import math

    query = "SELECT count(value), min(value), max(value) FROM predicted"
    count, least, most = con.execute(query).fetchone() or (0, None, None)
    mean = None
    if count:
        rows = con.execute("SELECT value FROM predicted WHERE value IS NOT NULL")
        chunks = iter(lambda: rows.fetchmany(10_000), [])
        try:
            mean = math.fsum(value for chunk in chunks for (value,) in chunk) / count
        except OverflowError:
            mean = None  # a sum beyond all doubles; the values themselves are in the table
    return {"count": count, "min": least, "mean": mean, "max": most}


def describe_counts(
    con: "duckdb.DuckDBPyConnection", counts: dict[str, int], files: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the counts with those of the noted rows, and the files with those of their rows."""
    rows: dict[str, Any] = {}
    for side in ("predicted", "failed"):
        query = f"SELECT source, count(*) FROM {side} GROUP BY source"
        for source, number in con.execute(query).fetchall():
            rows.setdefault(source, {})[side] = number
    none = {"predicted": 0, "failed": 0}
    return {
        "counts": {**counts, "noted": count_rows(con, "predicted", "note IS NOT NULL")},
        "files": [{**file, **none, **rows.get(file["name"], {})} for file in files],
    }


def write_summary(summary: dict[str, Any], path: str) -> None:
    """Write the summary as JSON, whole or not at all.

    It is written after everything else: who finds it can trust the tables beside it.
    """
    import json
    import os
    import platform

    import duckdb

    versions = {"python": platform.python_version(), "duckdb": duckdb.__version__}
    with open(f"{path}.part", "w", encoding="utf-8") as file:
        content = {"format_version": 2, **summary, "versions": versions}
        json.dump(content, file, indent=2, allow_nan=False)
        file.write("\n")
    os.replace(f"{path}.part", path)


def plain_text(text: object) -> str:
    """Return a text for a Markdown table: one line, no markup, nothing that a terminal obeys."""
    import re

    shown = "".join(c if c.isprintable() else " " for c in str(text))[:200]
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", shown)


def table_of(title: str, rows: list[tuple[Any, Any]]) -> list[str]:
    """Return the lines of a Markdown table of two columns, none when it would be empty.

    The title is its header: one without a text is shown as an empty bar.
    """
    if not rows:
        return []
    head = ["", f"| {title} | |", "|---|---:|"]
    return head + [f"| {plain_text(name)} | {plain_text(value)} |" for name, value in rows]


def overview_of(summary: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Return the counts that say something, and how the output was read."""
    always = ("input", "predicted", "failed", "missing")
    counts = summary["counts"].items()
    rows: dict[str, Any] = {name: f"{n:,}" for name, n in counts if n or name in always}
    if not summary["reconciled"]:
        rows["missing"] = "not known"
    rows |= {"kind of the predictions": summary["kind"], "rows matched by": summary["matched_by"]}
    rows |= {"files": len(summary["files"]), "unknown files": len(summary["unknown_files"])}
    return [(name, value) for name, value in rows.items() if value]


def report_of(summary: dict[str, Any]) -> str:
    """Return the summary as a short page of Markdown.

    The share is cut, not rounded: 100 % is said of all rows only.

    Args:
        summary: As ``write_summary`` takes it.
    """
    good, given = summary["counts"]["predicted"], summary["counts"]["input"]
    share = f" ({good * 10_000 // given / 100:.2f} %)" if given else ""
    lines = [f"# {good:,} of {given:,} rows predicted{share}"]
    if not summary["reconciled"]:
        lines += ["", "The input is not known: give `instances` to see what is missing."]
    lines += table_of("Rows and files", overview_of(summary))
    lines += table_of(
        "Why rows failed (see `failures`)", list(summary["failure_codes"].items())[:10]
    )
    errors = [(error["message"], error["count"] or "") for error in summary["error_statistics"]]
    lines += table_of("What the service says of errors", errors[:10])
    lines += table_of("Labels", list(summary["labels"].items())[:20])
    values = [(name, value) for name, value in summary["values"].items() if value is not None]
    lines += table_of("Values", values if len(values) > 1 else [])
    scores = summary["score_histogram"]
    bars = [(f"{n / 20:.2f} to {(n + 1) / 20:.2f}", scores[n]) for n in range(20) if scores[n]]
    lines += table_of("Scores", bars)
    return "\n".join(lines) + "\n"


def write_results(
    content: dict[str, Any], metrics: Any, predictions: Any, report: str, summary: str
) -> None:
    """Log the counts, and write the page and, last of all, the summary.

    Args:
        content: What ``account`` found.
        metrics: The artifact of the metrics.
        predictions: The artifact of the predictions, which gets ``rows`` and ``kind``.
        report: Path of the page.
        summary: Path of the summary.
    """
    import logging

    for name, number in content["counts"].items():
        metrics.log_metric(name, number)
    predictions.metadata.update(rows=content["counts"]["predicted"], kind=content["kind"])
    with open(report, "w", encoding="utf-8") as page:
        page.write(report_of(content))
    write_summary(content, summary)
    logging.info("%s", content["counts"])
