"""From a table or a folder of images to the instances of a batch prediction."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.instances.bigquery_cells import bigquery_columns, load_bigquery
from batchpredict.runtime.instances.cells import binary_columns, file_cells, load_files
from batchpredict.runtime.instances.images import check_images, image_rows
from batchpredict.runtime.instances.lines import csv_heading, line_builder
from batchpredict.runtime.instances.options import choose_columns, key_of
from batchpredict.runtime.instances.records import example_builder, feature_kinds
from batchpredict.runtime.instances.schemas import (
    read_schema,
    schema_checker,
    schema_uri,
    stored_uri,
)
from batchpredict.runtime.instances.writing import open_sink, row_judge, table_rows, write_rows
from batchpredict.runtime.split_checks import check_key
from batchpredict.runtime.tables import open_database, table_files

if TYPE_CHECKING:
    import duckdb


def prepare_files(options: "dict[str, Any]", scratch: str) -> "dict[str, Any]":
    """Write the instances into a scratch folder, every row judged.

    Args:
        options: The inputs of ``prepare_instances`` by name.
        scratch: An empty folder; the caller removes it.

    Returns:
        ``files``, ``rows``, ``key_field`` ("" for none), ``columns`` (without the key) and
        ``left_out`` (files that are no images).

    Raises:
        ValueError: E201 to E216, what is wrong with the inputs or the rows.
        RuntimeError: E226, E252, E281, E282 of Google's services; E215.
    """
    misfits, form = load_schema(options)
    if options["images_prefix"]:
        return prepare_images(options, scratch, misfits)
    with open_database(scratch) as con:
        return prepare_table(con, options, scratch, misfits, form)


def load_schema(options: "dict[str, Any]") -> tuple[Any, str]:
    """Return the function that checks an instance, None without a schema, and the instance's form.

    Raises:
        ValueError: E215, the schema cannot be read.
        RuntimeError: E252, Vertex AI did not tell of the model.
    """
    from kfp.dsl import Artifact

    given, uri = options["instance_schema"], options["instance_schema_uri"]
    if options["model"]:
        uri = schema_uri(options["model"].metadata)
    if not given and not uri:
        return None, options["instance_type"]
    source = given or Artifact(uri=stored_uri(uri))
    schema = read_schema(source.uri, source.path)
    kind = "array" if schema.get("type") == "array" else "object"
    return schema_checker(schema, source.uri), options["instance_type"] or kind


def prepare_images(options: "dict[str, Any]", scratch: str, misfits: Any) -> "dict[str, Any]":
    """Write the images of a folder as instances.

    Raises:
        ValueError: E210, E212, E216; RuntimeError: E252; as ``prepare_files``.
    """
    prefix, kind = options["images_prefix"], options["instances_format"]
    left_out: dict[str, Any] = {}
    found = image_rows(prefix, left_out)
    columns = ["content", "mimeType"] if kind == "jsonl" else ["content"]
    rows = (row[: len(columns)] for row in found)
    build = line_builder(kind, columns, "", "")
    sink = open_sink(kind, scratch, options["shard_rows"], "")
    count = write_rows(rows, build, row_judge(columns, "", misfits, ""), sink, True)
    check_images(prefix, count, left_out)
    told = {"key_field": "", "columns": columns if kind == "jsonl" else []}
    return {"files": sink["files"], "rows": count, "left_out": left_out["count"], **told}


def prepare_table(
    con: "duckdb.DuckDBPyConnection",
    options: "dict[str, Any]",
    scratch: str,
    misfits: Any,
    form: str,
) -> "dict[str, Any]":
    """Write the rows of a table as instances.

    Raises:
        ValueError, RuntimeError: As ``prepare_files``.
    """
    kind, key = options["instances_format"], key_of(options)
    origin, binary = load_dataset(con, options, scratch)
    names = choose_columns(con.table("source").columns, key, options)
    cells = cell_sources(con, origin, names, options)
    columns = [key, *names] if key else names
    build: Any = line_builder(kind, columns, key, options["instance_type"])
    if kind.startswith("tf-record"):
        kinds = feature_kinds(con, cells, columns)
        build = example_builder(columns, kinds, binary - {key, *options["text_columns"]})
    heading = csv_heading(columns) if kind == "csv" else ""
    sink = open_sink(kind, scratch, options["shard_rows"], heading)
    judge = row_judge(columns, key, misfits, form)
    count = write_rows(table_rows(con, cells, columns), build, judge, sink, bool(key))
    told = {"key_field": key, "columns": [] if kind == "file-list" else names}
    return {"files": sink["files"], "rows": count, "left_out": 0, **told}


def load_dataset(
    con: "duckdb.DuckDBPyConnection", options: "dict[str, Any]", scratch: str
) -> tuple[str, set[str]]:
    """Read the dataset into the table ``source``.

    Returns:
        ``bigquery``, ``parquet`` or ``csv``; and the columns that hold bytes.

    Raises:
        ValueError, RuntimeError: As ``load_files`` and ``load_bigquery``.
    """
    dataset = options["dataset"]
    if dataset.uri.startswith("bq://"):
        return "bigquery", load_bigquery(con, dataset.uri, scratch, options["api"])
    typed = load_files(con, table_files(dataset.uri, dataset.path))
    return "parquet" if typed else "csv", binary_columns(con)


def cell_sources(
    con: "duckdb.DuckDBPyConnection", origin: str, names: list[str], options: "dict[str, Any]"
) -> dict[str, str]:
    """Return the SQL of the columns that are written, the key's among them, as JSON texts.

    Raises:
        ValueError: E206, the key column does not tell the rows apart; E212, E213 as
            ``file_cells``.
    """
    texts, key = options["text_columns"], options["key_column"]
    wanted = [key, *names] if key else names
    if origin == "bigquery":
        cells = bigquery_columns(wanted, [*texts, key])
    else:
        cells = file_cells(con, origin == "parquet", wanted, [*texts, key])
    if key:
        check_key(con, key)
    elif key_of(options):
        cells[key_of(options)] = "'\"' || printf('row-%06d', rowid + 1) || '\"'"
    return cells
