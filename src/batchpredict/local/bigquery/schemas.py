"""Changes of a table's schema: what BigQuery allows."""

from collections.abc import Sequence

from batchpredict.local.bigquery.catalogue import Catalogue, Table
from batchpredict.local.bigquery.errors import invalid, not_emulated
from batchpredict.local.bigquery.fields import KEPT, Field
from batchpredict.local.bigquery.writes import add_column, relax


def change_schema(catalogue: Catalogue, table: Table, fields: Sequence[Field]) -> None:
    """Give a table another schema: more columns, REQUIRED relaxed, other descriptions.

    Raises:
        BigQueryError: The new schema takes something away.
    """
    given = {it["name"].lower(): it for it in fields}
    for old in list(table.fields):
        new = given.pop(old["name"].lower(), None)
        if new is None:
            raise _mismatch(table, f"Field {old['name']} is missing in new schema")
        _change(catalogue, table, old, new)
    for new in given.values():
        if new["mode"] == "REQUIRED":
            raise _mismatch(table, f"Cannot add required fields (field: {new['name']})")
        add_column(catalogue, table, new)


def _change(catalogue: Catalogue, table: Table, old: Field, new: Field) -> None:
    if old["type"] != new["type"]:
        kinds = f"from {old['type']} to {new['type']}"
        raise _mismatch(table, f"Field {old['name']} has changed type {kinds}")
    if old["mode"] != new["mode"]:
        if (old["mode"], new["mode"]) != ("REQUIRED", "NULLABLE"):
            modes = f"from {old['mode']} to {new['mode']}"
            raise _mismatch(table, f"Field {old['name']} has changed mode {modes}")
        relax(catalogue, table, old)
    if old.get("fields") and _shape(old) != _shape(new):
        raise not_emulated(f"changing the fields of the RECORD {old['name']}")
    for key in KEPT:
        old.pop(key, None)
        old.update({key: new[key]} if key in new else {})


def _shape(field: Field) -> list[object]:
    inner = [_shape(it) for it in field.get("fields", ())]
    return [field["name"].lower(), field["type"], field["mode"], inner]


def _mismatch(table: Table, reason: str) -> Exception:
    name = f"{table.name[0]}:{table.name[1]}.{table.name[2]}"
    return invalid(f"Provided Schema does not match Table {name}. {reason}")
