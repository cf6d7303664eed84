"""The page that says what of BigQuery is emulated.

``python -m batchpredict.local.bigquery.page > docs/reference/bigquery.md`` writes it, from the
tables that the service itself goes by.
"""

from collections.abc import Iterable, Iterator

from batchpredict.local.bigquery import configurations, datasets, queries, tables
from batchpredict.local.bigquery.api import METHODS
from batchpredict.local.bigquery.fields import DUCKDB, GOOGLE_SQL, REFUSED
from batchpredict.local.bigquery.sql import statements
from batchpredict.local.bigquery.sql.aggregates import WINDOW_ONLY
from batchpredict.local.bigquery.sql.dates import EXTRACTED, FORMATS, PARSED
from batchpredict.local.bigquery.sql.functions import CALLS, PLAIN
from batchpredict.local.bigquery.sql.writer import AGGREGATES, RULES

HEAD = """\
# BigQuery on this machine

Written by `python -m batchpredict.local.bigquery.page`; a test compares it with the service. It
needs the extra `batchpredict[bigquery]`; without it every request is answered 501 with `E371`. The
service starts with the first request. Its state is one DuckDB file, `bigquery/data.duckdb` in the
home folder: what was acknowledged is there after `kill -9`, and a job that was cut off is `DONE`
with the error `E373`.

Every client finds it at its usual address: `bigquery.googleapis.com`, and `www.googleapis.com` for
the launchers of Google's pipeline components. Nothing of it was ever compared with the managed
service; the rules are those of its reference.

A method that is not listed answers 501. A field that BigQuery does not have is an error 400 with
its name. One that it has and this machine has not is refused with `E372` when it is set.
"""
SQL = """\
## GoogleSQL

Statements are parsed with sqlglot and written anew for DuckDB, node by node. **A statement, part
of one or function that is not in these lists is refused with `E370` and its name** (400,
`invalidQuery`); each entry has tests of the values at which engines differ. SQL cannot reach files
or the network: no function does, and DuckDB itself is closed.
"""
NOTES = """\
## What differs

Known differences. A statement that BigQuery refuses may pass here; the other way round `E370`
says so.

- One job writes at a time, the others wait; readers see the last committed state.
- Two STRUCTs whose fields have other names are refused together where the statement shows both.
  Columns of tables are not looked at: there DuckDB goes by names, BigQuery by places.
- `x IN (SELECT …)`, `JOIN … USING` and assigned values do not check that the types are the same.
- An alias of the SELECT list may be used in WHERE and beside it; BigQuery refuses that.
- `JSON_VALUE` writes a number with a fraction with its shortest digits.
- `CONCAT` and `CAST` to STRING write FLOAT64 with the fewest digits that read back the same.
- TIMESTAMP literals take offsets and `UTC`, not names of time zones.
- `UPDATE … FROM`, views, routines, models, snapshots, wildcard tables, `INFORMATION_SCHEMA`,
  scripting beyond `BEGIN`, `COMMIT` and `ROLLBACK TRANSACTION`, sessions, access control, the
  Storage APIs: refused, or not there.
- The bytes that a query processes are those of the tables that it reads, whole columns or not.
- Labels, priorities, slots, reservations, time limits, caching: taken, without effect; no result
  comes from a cache.
- The result of a query that names no table is kept for 24 hours, and of these the newest 200.
- Autodetection looks at the first 500 rows.
- An extract writes one file; `*` stands for `000000000000`. Avro and ORC are refused.
- The name of a user is `local@localhost`; every project exists.

## The 20 seconds of Google's launchers

`BigqueryQueryJobOp` and its relatives sleep 20 s before they look at a job for the first time: a
constant of their module, which no answer of a service changes. A step of theirs takes 20 s here as
it does on Vertex AI; the job itself has ended long before. Nothing is patched. A test that calls
the launcher's function in its own process may set `_POLLING_INTERVAL_IN_SECONDS` of the module
`google_cloud_pipeline_components.container.v1.bigquery.utils.bigquery_util`.
"""


def render() -> str:
    """Return the page."""
    parts = [HEAD, "## Methods\n", *_methods(), "", *_requests(), "", *_types(), "", SQL]
    return "\n".join([*parts, *_sql(), "", NOTES])


def _methods() -> Iterator[str]:
    yield from ("| method | verb and path below `/bigquery/v2/` |", "|---|---|")
    for name, route in METHODS.items():
        verb, _, path = route.partition(" ")
        shown = path.replace("[^/]+", "…")
        yield f"| {name} | {verb.strip('()').replace('|', ', ')} `{shown}` |"


def _requests() -> Iterator[str]:
    yield from (
        "## Fields of requests",
        "",
        "| request | fields | refused with `E372` |",
        "|---|---|---|",
    )
    rows: list[tuple[str, Iterable[str], Iterable[str]]] = [
        ("dataset", datasets.KNOWN - datasets.REFUSED, datasets.REFUSED),
        ("table", tables.KNOWN, tables.REFUSED),
        ("field of a schema", ("name", "type", "mode", "fields", "description"), REFUSED),
        ("jobs.query", queries.OF_QUERY | queries.OF_JOB | queries.OF_CALL, queries.REFUSED),
        ("configuration", configurations.COMMON, ()),
    ]
    for kind, fields in configurations.KNOWN.items():
        refused = configurations.REFUSED[kind]
        rows.append((f"configuration.{kind}", fields - refused, refused))
    for name, known, others in rows:
        yield f"| {name} | {_listed(known)} | {_listed(others)} |"


def _types() -> Iterator[str]:
    names = [GOOGLE_SQL.get(kind, kind) for kind in DUCKDB]
    yield from ("## Types", "", f"{_listed([*names, 'STRUCT', 'ARRAY'])}; no other.", "")
    yield "Loads: CSV, newline-delimited JSON, Parquet. Extracts: the same, gzipped too."


def _sql() -> Iterator[str]:
    kinds = sorted({it.__name__ for it in RULES})
    changes = sorted(statements.CHANGES.values())
    done = (
        "CREATE TABLE (AS SELECT), CREATE SCHEMA, DROP TABLE, DROP SCHEMA, ALTER TABLE ADD COLUMN"
    )
    yield f"- Statements: SELECT, {', '.join(changes)}, TRUNCATE TABLE, {done}, BEGIN TRANSACTION,"
    yield "  COMMIT TRANSACTION, ROLLBACK TRANSACTION."
    yield f"- Parts of statements, by sqlglot's names: {_listed(kinds)}."
    yield f"- Functions: {_listed(sorted({*PLAIN, *CALLS} - AGGREGATES))}."
    yield f"- Aggregate functions: {_listed(sorted(AGGREGATES))}."
    yield f"- Only over windows: {_listed(sorted(WINDOW_ONLY))}; aggregate functions too, but for"
    yield "  ARRAY_AGG and STRING_AGG."
    yield f"- EXTRACT: {_listed([*EXTRACTED, 'DATE', 'TIME', 'DATETIME'])}."
    yield f"- Elements of FORMAT_DATE and the like: {_listed(f'%{it}' for it in FORMATS)}; of"
    yield f"  PARSE_DATE and the like: {_listed(f'%{it}' for it in PARSED)}."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"


if __name__ == "__main__":
    print(render(), end="")
