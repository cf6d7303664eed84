"""Comparing the predictions of a large job with the truth, as tables in DuckDB."""

from typing import Any

import duckdb
import numpy as np

from truth.jobs import Job
from truth.parsing import Parsed
from truth.spelling import REST, SLOT, Number

OWN = ("key", "instance", "prediction", "extra", "note", "source")
# In a column of numbers these stand for the number of a row, and for 1 minus it.
SLOTS = {SLOT: float("inf"), REST: float("-inf")}


def compare_tables(job: Job, parsed: Parsed) -> list[str]:
    """Return what differs between the truth and the predictions, as multisets of whole rows."""
    with duckdb.connect() as con:
        load_truth(con, job)
        typed = [name for name in job.columns if name not in OWN]
        own = f"key, {instance_of(job)}, prediction, extra IS NOT NULL AS extra, source"
        columns = ", ".join([own, *(f'"{name}"' for name in typed)])
        con.execute(
            f"CREATE VIEW found AS SELECT {columns} FROM "
            f"read_parquet('{parsed.path('predictions')}')"
        )
        con.execute(f"CREATE TABLE truth AS {truth_query(job, typed)}")
        return [*excess(con), *compare_notes(con, job, parsed)]


def compare_notes(con: duckdb.DuckDBPyConnection, job: Job, parsed: Parsed) -> list[str]:
    """Return a line when more or fewer rows are noted than must or may be."""
    least, most = job.predicted.noted.count(True), len(job.predicted.noted)
    most -= job.predicted.noted.count(False)
    query = (
        f"SELECT count(note), any_value(note) FROM read_parquet('{parsed.path('predictions')}')"
    )
    count, shown = con.execute(query).fetchone() or (0, None)
    return [] if least <= count <= most else [f"notes: {least} to {most}, but {count}: {shown}"]


def excess(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Return a line for the rows of which the truth holds more, and one for those it holds less.

    Counting equal rows in one pass says the same as EXCEPT ALL both ways, in half of the time.
    """
    names = [row[0] for row in con.execute("DESCRIBE truth").fetchall()]
    listed = ", ".join(f'"{name}"' for name in names)
    con.execute(
        f"CREATE TABLE excess AS SELECT {listed}, sum(side) AS more FROM (SELECT *, 1 AS side "
        "FROM truth UNION ALL SELECT *, -1 FROM found) GROUP BY ALL HAVING more <> 0"
    )
    lines = []
    for side, condition in (("absent", "more > 0"), ("too much", "more < 0")):
        query = f"SELECT abs(sum(more))::BIGINT FROM excess WHERE {condition}"
        (count,) = con.execute(query).fetchone() or (0,)
        query = f"FROM excess WHERE {condition} ORDER BY prediction LIMIT 2"
        if count:
            lines.append(f"rows {side}: {count}, such as {con.execute(query).fetchall()}")
    return lines


def load_truth(con: duckdb.DuckDBPyConnection, job: Job) -> None:
    """Load the tables ``rows`` and ``variants``, from Python values and not from JSON."""
    truth = job.predicted
    columns: dict[str, list[Any]] = {
        "key": truth.keys,
        "instance": truth.instances,
        "prediction": truth.texts,
        "slot": truth.slots,
        "source": truth.sources,
    }
    arrays: dict[str, Any] = {name: objects(values) for name, values in columns.items()}
    arrays["variant"] = np.array(truth.variants, dtype=np.int32)
    arrays["number"] = np.array(list(map(float, truth.slots)))
    arrays["extra"] = np.array([extra is not None for extra in truth.extras])
    con.register("arrays", arrays)
    types = ", ".join(f"{name}::VARCHAR AS {name}" for name in columns)
    con.execute(f"CREATE TABLE rows AS SELECT {types}, variant, number, extra FROM arrays")
    load_variants(con, job)


def objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def load_variants(con: duckdb.DuckDBPyConnection, job: Job) -> None:
    """Load the table ``variants``: the typed columns of each, with a mark where the slots are."""
    types = {name: kind for name, kind in job.columns.items() if name not in OWN}
    lists = [[marked(each.columns.get(name)) for each in job.variants] for name in types]
    names = ", ".join(f'unnest(?::{kind}[]) AS "{name}"' for name, kind in types.items())
    numbers = list(range(len(job.variants)))
    con.execute(
        f"CREATE TABLE variants AS SELECT unnest(?::INTEGER[]) AS variant, {names}",
        [numbers, *lists],
    )


def marked(value: Any) -> Any:
    """Return a value as DuckDB takes it, with marks for the slots."""
    if isinstance(value, Number):
        return SLOTS[value] if value in SLOTS else float(value)
    if isinstance(value, list):
        return [marked(part) for part in value]
    if isinstance(value, dict) and not {"time", "x_min"} & set(value):
        return {"key": list(value), "value": list(value.values())}
    return value


def instance_of(job: Job) -> str:
    """Return the SQL of the instance: as text, but of CSV, which has cells, as any JSON."""
    return "json(instance)::VARCHAR AS instance" if job.layout.csv else "instance"


def truth_query(job: Job, typed: list[str]) -> str:
    """Return the SQL of the truth, a row each."""
    number = "CASE {0} WHEN 'inf'::DOUBLE THEN number WHEN '-inf' THEN 1 - number ELSE {0} END"
    found = []
    for name in typed:
        column, kind = f'v."{name}"', job.columns[name]
        sql = {
            "DOUBLE": number.format(column),
            "DOUBLE[]": f"list_transform({column}, lambda x: {number.format('x')})",
            "VARCHAR": f"replace({column}, '{SLOT}', slot)",
        }.get(kind, column)
        found.append(f'{sql} AS "{name}"')
    listed = ", ".join([f"key, {instance_of(job)}, prediction, extra, source", *found])
    return f"SELECT {listed} FROM rows JOIN variants v USING (variant)"
