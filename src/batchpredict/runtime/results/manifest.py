"""Accounting for a whole output: failures, summary and counts from its rows."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.results.accounting import (
    count_output,
    load_output,
    reconcile,
    write_failures,
)
from batchpredict.runtime.results.inputs import as_json_lines, load_inputs
from batchpredict.runtime.results.summaries import describe_counts, describe_output

if TYPE_CHECKING:
    import duckdb


def account(
    con: "duckdb.DuckDBPyConnection",
    output: dict[str, Any],
    plan: dict[str, Any],
    instances: str,
    included: list[str],
    scratch: str,
    failures: str,
) -> dict[str, Any]:
    """Write the failures of an output, and return its summary.

    Args:
        con: The scratch database.
        output: ``predictions`` (Parquet files) and ``failed`` (JSON Lines), ``files``,
            ``unknown_files`` and ``error_statistics``.
        plan: From ``sniff_lines``.
        instances: Path of the rows that were predicted, JSON Lines or CSV, "" when they are not
            known.
        included: The fields that the model got, in order; all but the key when empty.
        scratch: Folder for intermediate files.
        failures: Path of the failures to write.

    Raises:
        ValueError: E201, E202, E206 as ``load_inputs``.
    """
    con.execute("RESET disabled_optimizers")
    con.execute("SET memory_limit = '2GB'")  # beyond it DuckDB spills into the scratch folder
    key_field = plan["key_field"]
    plan = {**plan, "texts": instances.endswith(".csv")}  # whose cells have no types
    instances = as_json_lines(con, instances, scratch)
    keyed = shows_keys(instances, key_field) if plan["keyed"] is None else plan["keyed"]
    load_output(con, output["predictions"], output["failed"], keyed)
    if instances:
        load_inputs(con, instances, key_field, keyed, scratch)
        counts = reconcile(con, keyed, scratch, plan, included)
    else:
        counts = count_output(con)
    what = "key" if keyed else "instance"
    write_failures(con, failures, counts if instances else None, what)
    return {
        "kind": plan["kind"],
        "reconciled": bool(instances),
        "matched_by": what if instances else None,
        **describe_counts(con, counts, output["files"]),
        "unknown_files": output["unknown_files"],
        "error_statistics": output["error_statistics"],
        **describe_output(con, "failures"),
    }


def shows_keys(instances: str, key_field: str) -> bool:
    """Tell whether the first of the rows that were predicted has a key."""
    import json
    import os

    if not os.path.isfile(instances):
        return True
    with open(instances, "rb") as file:
        try:
            first = json.loads(file.readline(2**20))
        except (ValueError, RecursionError):
            return False
    return isinstance(first, dict) and key_field in first
