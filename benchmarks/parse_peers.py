"""Other ways to turn the outputs of ``outputs.py`` into Parquet.

usage: PYTHON -m benchmarks.parse_peers ENGINE FAMILY FOLDER OUT

All but ``bare_same`` write the flat table that a user would write by hand for that one family: a
column for each value, the label and its score, compressed with Snappy. Each gets its schema
beforehand, except pandas, which cannot be told it. ``count`` prints the number of rows of the file
OUT and the sum of its column FAMILY.
"""

# mypy: disable-error-code="import-not-found, import-untyped"
# The packages are in benchmarks/peers.txt, not in the project's environment.

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.parse_families import (
    CSV,
    DOUBLE,
    FAMILIES,
    SCORES,
    SPECIES,
    TEXT,
    TRUTH,
    WHOLE,
    Family,
    Place,
    flat_schema,
)

BATCH = 100_000
LOW_CARDINALITY = ["city", "device", "segment", "label", "mimeType"]
"""What is worth a dictionary: pyarrow takes twice the time when it makes one for each column."""


def by_pandas(family: str, files: list[str], out: str) -> None:
    import pandas as pd

    if family == "csv":
        cells = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
        cells["label"] = cells[SCORES].idxmax(axis=1).str[len("species_") : -len("_score")]
        cells["score"] = cells[SCORES].max(axis=1)
        cells.to_parquet(out)
        return
    rows = pd.concat([pd.read_json(file, lines=True) for file in files], ignore_index=True)
    parts = {str(name): normalized(str(name), rows[name]) for name in rows.columns}
    table = pd.concat(list(parts.values()), axis=1)
    if ranked := FAMILIES[family].ranked:
        names, scores = (parts["prediction"][place[-1]] for place in ranked)
        table["score"] = scores.map(max)
        best = [it.index(score) for it, score in zip(scores, table["score"], strict=True)]
        table["label"] = [it[place] for it, place in zip(names, best, strict=True)]
    table.to_parquet(out)


def normalized(name: str, column: Any) -> Any:
    """Return a column of objects or of lists as a table; any other as it is."""
    import pandas as pd

    if name == "explanation":
        column = column.map(lambda value: value["attributions"][0])
    if isinstance(column[0], dict):
        return pd.json_normalize(column.tolist())
    if isinstance(column[0], list):
        return pd.DataFrame(column.tolist()).add_prefix(f"{name}_")
    return column.rename("value" if name == "prediction" else name)


def by_json(family: str, files: list[str], out: str) -> None:
    """A loop over the lines with the standard library."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(arrow(flat_schema(family)))
    with pq.ParquetWriter(out, schema, use_dictionary=LOW_CARDINALITY) as writer:
        for rows in batches(csv_rows(files) if family == "csv" else json_rows(family, files)):
            columns = zip(*rows, strict=True)
            arrays = [pa.array(it, kind) for it, kind in zip(columns, schema.types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def batches(rows: Iterator[list[Any]]) -> Iterator[list[list[Any]]]:
    batch: list[list[Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def json_rows(family: str, files: list[str]) -> Iterator[list[Any]]:
    import json

    made = FAMILIES[family]
    for file in files:
        with open(file, encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                values = [value_at(row, place) for place in made.columns.values()]
                if made.ranked:
                    names, scores = (value_at(row, place) for place in made.ranked)
                    score = max(scores)
                    values += [names[scores.index(score)], score]
                yield values


def value_at(row: Any, place: Place) -> Any:
    for step in place:
        row = row[step]
    return row


def csv_rows(files: list[str]) -> Iterator[list[Any]]:
    import csv

    convert: dict[str, Callable[[str], Any]] = {
        DOUBLE: float,
        WHOLE: int,
        TEXT: str,
        TRUTH: "true".__eq__,
    }
    converters = [convert[kind] for kind in CSV.values()]
    for file in files:
        with open(file, encoding="utf-8", newline="") as lines:
            rows = csv.reader(lines)
            next(rows)
            for row in rows:
                values = [
                    to(cell) if cell else None for to, cell in zip(converters, row, strict=True)
                ]
                scores = list(map(float, row[-3:]))
                score = max(scores)
                yield [*values, SPECIES[scores.index(score)], score]


def by_polars(family: str, files: list[str], out: str) -> None:
    import polars as pl

    scalars: Any = {DOUBLE: pl.Float64, WHOLE: pl.Int64, TEXT: pl.String, TRUTH: pl.Boolean}

    def typed(kind: Any) -> Any:
        if isinstance(kind, dict):
            return pl.Struct({name: typed(it) for name, it in kind.items()})
        return pl.List(typed(kind[0])) if isinstance(kind, list) else scalars[kind]

    def at(place: Place) -> Any:
        column = pl.col(str(place[0]))
        for step in place[1:]:
            column = column.list.get(step) if isinstance(step, int) else column.struct.field(step)
        return column

    if family == "csv":
        lists = pl.concat_list(SCORES)
        label = lists.list.arg_max().replace_strict(dict(enumerate(SPECIES)))
        table = pl.scan_csv(files, schema={name: typed(kind) for name, kind in CSV.items()})
        table = table.with_columns(label.alias("label"), lists.list.max().alias("score"))
    else:
        made = FAMILIES[family]
        columns = [at(place).alias(name) for name, place in made.columns.items()]
        if made.ranked:
            names, scores = map(at, made.ranked)
            columns.append(names.list.get(scores.list.arg_max()).alias("label"))
            columns.append(scores.list.max().alias("score"))
        schema = {name: typed(kind) for name, kind in made.schema.items()}
        table = pl.scan_ndjson(files, schema=schema).select(columns)
    table.sink_parquet(out, compression="snappy", row_group_size=BATCH)


def arrow(kinds: dict[str, Any]) -> Any:
    """Return names and types as the fields of an Arrow schema."""
    import pyarrow as pa

    scalars = {DOUBLE: pa.float64(), WHOLE: pa.int64(), TEXT: pa.string(), TRUTH: pa.bool_()}

    def typed(kind: Any) -> Any:
        if isinstance(kind, dict):
            return pa.struct(arrow(kind))
        return pa.list_(typed(kind[0])) if isinstance(kind, list) else scalars[kind]

    return [(name, typed(kind)) for name, kind in kinds.items()]


def by_pyarrow(family: str, files: list[str], out: str) -> None:
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.json as pj
    import pyarrow.parquet as pq

    schema = pa.schema(arrow(flat_schema(family)))
    block = 16 << 20  # about 30,000 rows
    with pq.ParquetWriter(out, schema, use_dictionary=LOW_CARDINALITY) as writer:
        for file in files:
            if family == "csv":
                cells = pc.ConvertOptions(column_types=dict(arrow(CSV)), strings_can_be_null=True)
                rows = pc.open_csv(file, pc.ReadOptions(block_size=block), convert_options=cells)
            else:
                fields = pa.schema(arrow(FAMILIES[family].schema))
                strict = pj.ParseOptions(fields, unexpected_field_behavior="error")
                rows = pj.open_json(file, pj.ReadOptions(block_size=block), strict)
            for batch in rows:
                columns = csv_columns(batch) if family == "csv" else flat_columns(family, batch)
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def flat_columns(family: str, batch: Any) -> list[Any]:
    import pyarrow.compute as pc

    def at(place: Place) -> Any:
        column = batch.column(place[0])
        for step in place[1:]:
            pick = pc.list_element if isinstance(step, int) else pc.struct_field
            column = pick(column, step)
        return column

    made: Family = FAMILIES[family]
    columns = [at(place) for place in made.columns.values()]
    return columns + (best_of(*map(at, made.ranked)) if made.ranked else [])


def best_of(names: Any, scores: Any) -> list[Any]:
    """Return the class of the largest score of each list, and that score; no list is empty."""
    import numpy as np
    import pyarrow as pa

    starts = scores.offsets.to_numpy() - scores.offsets[0].as_py()
    values = scores.flatten().to_numpy()
    largest = np.maximum.reduceat(values, starts[:-1])
    rows = np.repeat(np.arange(len(largest)), np.diff(starts))
    hits = np.flatnonzero(values == largest[rows])
    first = np.unique(rows[hits], return_index=True)[1]
    return [names.flatten().take(pa.array(hits[first])), pa.array(largest)]


def csv_columns(batch: Any) -> list[Any]:
    import numpy as np
    import pyarrow as pa

    scores = np.column_stack([batch.column(name).to_numpy() for name in SCORES])
    label = pa.array(SPECIES).take(pa.array(scores.argmax(axis=1)))
    return [*batch.columns, label, pa.array(scores.max(axis=1))]


def by_bare_flat(family: str, files: list[str], out: str) -> None:
    import duckdb

    from benchmarks.parse_bare import flat

    duckdb.connect().execute(flat(family, files, out))


def by_bare_same(family: str, files: list[str], out: str) -> None:
    import duckdb

    from benchmarks.parse_bare import same_columns

    with duckdb.connect() as database:
        database.execute("SET preserve_insertion_order = false")  # none is promised
        database.execute(same_columns(family, files, out))


def count(column: str, files: list[str], out: str) -> None:  # noqa: ARG001
    import duckdb

    with duckdb.connect() as database:
        sums = f"SELECT count(*), coalesce(sum({column}), 0) FROM '{out}'"
        print(*database.execute(sums).fetchall()[0])


def main() -> None:
    engine, family, folder, out = sys.argv[1:]
    names = "predictions_*.csv" if family == "csv" else "prediction.results-*"
    files = sorted(str(file) for file in Path(folder).glob(names))
    globals()[engine if engine == "count" else f"by_{engine}"](family, files, out)


if __name__ == "__main__":
    main()
