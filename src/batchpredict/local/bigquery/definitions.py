"""Statements that make, change and remove tables and datasets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from batchpredict.local.bigquery.catalogue import Name, Table
from batchpredict.local.bigquery.datasets import new_dataset
from batchpredict.local.bigquery.errors import duplicate, invalid_query, not_found, not_tested
from batchpredict.local.bigquery.fields import Field, check_fields
from batchpredict.local.bigquery.partitions import UNITS, check_partitioning
from batchpredict.local.bigquery.sql.statements import column_fields, table_name
from batchpredict.local.bigquery.sql.writer import Writer, describe
from batchpredict.local.bigquery.writes import (
    Destination,
    add_column,
    append,
    new_table_body,
)

if TYPE_CHECKING:
    from batchpredict.local.bigquery.scripts import Runner

APPEND = Destination(("", "", ""))


def define(runner: "Runner", kind: str, tree: Any, write: Writer, effect: bool) -> dict[str, Any]:
    """Carry out one of these statements, or without effect only look at it.

    Returns:
        The statistics that it adds to the job's query.
    """
    doers = {
        "CREATE_TABLE": _create_table,
        "CREATE_TABLE_AS_SELECT": _create_table,
        "DROP_TABLE": _drop_table,
        "ALTER_TABLE": _alter_table,
        "TRUNCATE_TABLE": _truncate,
        "CREATE_SCHEMA": _create_schema,
        "DROP_SCHEMA": _drop_schema,
    }
    if kind not in doers:
        raise not_tested(kind.replace("_", " "))
    return doers[kind](runner, tree, write, effect)


def _told(name: Name, operation: str) -> dict[str, Any]:
    target = dict(zip(("projectId", "datasetId", "tableId"), name, strict=True))
    return {"ddlOperationPerformed": operation, "ddlTargetTable": target}


def _create_table(runner: "Runner", tree: Any, write: Writer, effect: bool) -> dict[str, Any]:
    write.check(tree, frozenset({"this", "kind", "replace", "exists", "expression", "properties"}))
    catalogue, name = runner.catalogue, runner.name(table_name(tree.this))
    catalogue.dataset(*name[:2])
    fields, source = _contents(runner, tree, write)
    body = new_table_body(catalogue, name) | _properties(tree)
    check_partitioning(body, fields)
    old = catalogue.find_table(name)
    if old is not None and tree.args.get("exists"):
        return _told(name, "SKIP")
    if old is not None and not tree.args.get("replace"):
        raise duplicate("Table", f"{name[0]}:{name[1]}.{name[2]}")
    if effect:
        table = catalogue.create_table(name, {**body, "schema": {"fields": fields}})
        if source:
            append(catalogue, table, APPEND, fields, source)
    return _told(name, "REPLACE" if old is not None else "CREATE")


def _contents(runner: "Runner", tree: Any, write: Writer) -> tuple[list[Field], str]:
    from batchpredict.local.bigquery.scripts import bound_fields, finished

    declared = (
        column_fields(write, tree.this.expressions) if isinstance(tree.this, exp.Schema) else []
    )
    query = tree.args.get("expression")
    if query is None:
        return check_fields(declared), ""
    if declared:
        raise not_tested("CREATE TABLE with columns and AS SELECT")
    sql = write(query)
    fields = bound_fields(runner.catalogue.connection, sql)
    return check_fields(fields), finished(fields, sql)


def _properties(tree: Any) -> dict[str, Any]:
    body: dict[str, Any] = {}
    properties = tree.args.get("properties")
    for it in properties.expressions if properties is not None else ():
        if isinstance(it, exp.PartitionedByProperty):
            body |= _partitioned(it.this)
        elif isinstance(it, exp.ClusterProperty):
            body["clustering"] = {"fields": [column.name for column in it.expressions]}
        elif isinstance(it, exp.Property) and it.this.name.lower() == "description":
            body["description"] = it.args["value"].this
        elif isinstance(it, exp.Property) and it.this.name.lower() == "friendly_name":
            body["friendlyName"] = it.args["value"].this
        else:
            name = it.this.name if isinstance(it.this, exp.Expr) else describe(it)
            raise not_tested(f"CREATE with the property {name}")
    return body


def _partitioned(node: Any) -> dict[str, Any]:
    if isinstance(node, exp.Tuple | exp.Schema) and len(node.expressions) == 1:
        [node] = node.expressions
    if isinstance(node, exp.Column | exp.Identifier):
        return {"timePartitioning": {"type": "DAY", "field": node.name}}
    if not isinstance(node, exp.Anonymous):
        raise not_tested(f"PARTITION BY {node.sql('bigquery')}")
    name, arguments = node.name.upper(), node.expressions
    if name == "DATE" and len(arguments) == 1:
        return {"timePartitioning": {"type": "DAY", "field": arguments[0].name}}
    if name in ("DATE_TRUNC", "TIMESTAMP_TRUNC", "DATETIME_TRUNC") and len(arguments) == 2:
        unit = arguments[1].name.upper()
        if unit in UNITS:
            return {"timePartitioning": {"type": unit, "field": arguments[0].name}}
    if name == "RANGE_BUCKET" and len(arguments) == 2:
        return {"rangePartitioning": _bucket(arguments)}
    raise not_tested(f"PARTITION BY {node.sql('bigquery')}")


def _bucket(arguments: Sequence[Any]) -> dict[str, Any]:
    bounds = [it.sql("bigquery") for it in arguments[1].expressions]
    if len(bounds) != 3 or not all(it.lstrip("-").isdigit() for it in bounds):
        raise not_tested("RANGE_BUCKET without GENERATE_ARRAY(start, end, interval)")
    found = dict(zip(("start", "end", "interval"), bounds, strict=True))
    return {"field": arguments[0].name, "range": found}


def _drop_table(runner: "Runner", tree: Any, write: Writer, effect: bool) -> dict[str, Any]:
    write.check(tree, frozenset({"tables", "kind", "exists"}))
    [node] = tree.args["tables"]
    name = runner.name(table_name(node))
    table = runner.catalogue.find_table(name)
    if table is None and not tree.args.get("exists"):
        raise not_found("Table", f"{name[0]}:{name[1]}.{name[2]}")
    if table is not None and effect:
        runner.catalogue.drop_table(table)
    return _told(name, "SKIP" if table is None else "DROP")


def _alter_table(runner: "Runner", tree: Any, write: Writer, effect: bool) -> dict[str, Any]:
    write.check(tree, frozenset({"this", "kind", "actions"}))
    table = runner.catalogue.table(runner.name(table_name(tree.this)))
    actions = tree.args["actions"]
    if not all(isinstance(it, exp.ColumnDef) for it in actions):
        raise not_tested("ALTER TABLE with anything but ADD COLUMN")
    for node, field in zip(actions, column_fields(write, actions), strict=True):
        _add(runner, table, field, bool(node.args.get("exists")), effect)
    return _told(table.name, "ALTER")


def _add(runner: "Runner", table: Table, field: Field, exists: bool, effect: bool) -> None:
    if any(it["name"].lower() == field["name"].lower() for it in table.fields):
        if exists:
            return
        raise invalid_query(f"Column already exists: {field['name']}")
    if field["mode"] == "REQUIRED":
        raise invalid_query(f"Cannot add REQUIRED column {field['name']} to an existing table")
    if effect:
        add_column(runner.catalogue, table, field)
        runner.catalogue.put_table(table)


def _truncate(runner: "Runner", tree: Any, write: Writer, effect: bool) -> dict[str, Any]:
    write.check(tree, frozenset({"expressions"}))
    [node] = tree.expressions
    table = runner.catalogue.table(runner.name(table_name(node)))
    if not effect:
        return {}
    [(count,)] = runner.catalogue.connection.execute(f"DELETE FROM {table.sql}").fetchall()
    runner.catalogue.put_table(table)
    return {"numDmlAffectedRows": str(count), "dmlStats": {"deletedRowCount": str(count)}}


def _schema_name(runner: "Runner", node: Any) -> tuple[str, str]:
    parts = ".".join(part.name for part in node.parts if part.name).split(".")
    if len(parts) > 2:
        raise invalid_query(f"Invalid dataset name: {'.'.join(parts)}")
    return (runner.session.project, parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def _create_schema(runner: "Runner", tree: Any, write: Writer, effect: bool) -> dict[str, Any]:
    write.check(tree, frozenset({"this", "kind", "exists", "properties"}))
    project, dataset = _schema_name(runner, tree.this)
    body: dict[str, Any] = {}
    properties = tree.args.get("properties")
    for it in properties.expressions if properties is not None else ():
        if not isinstance(it, exp.LocationProperty):
            raise not_tested("CREATE SCHEMA with options other than location")
        body["location"] = it.this.name
    found = runner.catalogue.find_dataset(project, dataset)
    if found is not None and not tree.args.get("exists"):
        raise duplicate("Dataset", f"{project}:{dataset}")
    if found is None and effect:
        new_dataset(runner.catalogue, project, dataset, body)
    return {"ddlOperationPerformed": "CREATE" if found is None else "SKIP"}


def _drop_schema(runner: "Runner", tree: Any, write: Writer, effect: bool) -> dict[str, Any]:
    write.check(tree, frozenset({"tables", "kind", "exists", "cascade", "restrict"}))
    project, dataset = _schema_name(runner, tree.args["tables"][0])
    if runner.catalogue.find_dataset(project, dataset) is None:
        if tree.args.get("exists"):
            return {"ddlOperationPerformed": "SKIP"}
        raise not_found("Dataset", f"{project}:{dataset}")
    if runner.catalogue.tables(project, dataset) and not tree.args.get("cascade"):
        raise invalid_query(f"Dataset {project}:{dataset} is still in use")
    if effect:
        runner.catalogue.drop_dataset(project, dataset)
    return {"ddlOperationPerformed": "DROP"}
