"""Partitions by the values of a column, and what ``table$20260101`` stands for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchpredict.local.bigquery.catalogue import Table
from batchpredict.local.bigquery.errors import invalid, not_emulated
from batchpredict.local.bigquery.fields import Field, quoted

UNITS = {"HOUR": "%Y%m%d%H", "DAY": "%Y%m%d", "MONTH": "%Y%m", "YEAR": "%Y"}
DIGITS = {"HOUR": 10, "DAY": 8, "MONTH": 6, "YEAR": 4}
DATED = ("DATE", "TIMESTAMP", "DATETIME")
NULLS = "__NULL__"


def split_decorator(name: str) -> tuple[str, str]:
    """Return the name of a table, and that of its partition or ""."""
    base, _, decorator = name.partition("$")
    return base, decorator


def check_partitioning(body: Mapping[str, Any], fields: Sequence[Field]) -> None:
    """Refuse partitions and clusters that the columns do not allow.

    Raises:
        BigQueryError: They do not, or this machine has them not.
    """
    by_time, by_range = body.get("timePartitioning"), body.get("rangePartitioning")
    if by_time and by_range:
        raise invalid("Only one of timePartitioning and rangePartitioning should be specified")
    if by_time:
        _check_time(by_time, fields)
    if by_range:
        _check_range(by_range, fields)
    for name in (body.get("clustering") or {}).get("fields", ()):
        _column(name, fields, "clustering")
    if body.get("requirePartitionFilter") or (by_time or {}).get("requirePartitionFilter"):
        raise not_emulated("requirePartitionFilter")


def _check_time(by_time: Mapping[str, Any], fields: Sequence[Field]) -> None:
    unknown = by_time.keys() - {"type", "field", "expirationMs", "requirePartitionFilter"}
    if unknown:
        raise invalid(f"Unknown name {sorted(unknown)[0]!r} in timePartitioning")
    if by_time.get("type") not in UNITS:
        raise invalid(f"timePartitioning.type must be one of {', '.join(UNITS)}")
    if by_time.get("expirationMs"):
        raise not_emulated("timePartitioning.expirationMs")
    if not by_time.get("field"):
        raise not_emulated("a table that is partitioned by the time of ingestion")
    column = _column(by_time["field"], fields, "timePartitioning.field")
    if column["type"] not in DATED or column["mode"] == "REPEATED":
        raise invalid(f"The field {column['name']} cannot partition by time: {column['type']}")
    if column["type"] == "DATE" and by_time["type"] == "HOUR":
        raise invalid("A DATE cannot partition by HOUR")


def _check_range(by_range: Mapping[str, Any], fields: Sequence[Field]) -> None:
    column = _column(by_range.get("field", ""), fields, "rangePartitioning.field")
    bounds = by_range.get("range") or {}
    if column["type"] != "INTEGER" or bounds.keys() != {"start", "end", "interval"}:
        raise invalid("rangePartitioning takes an INTEGER field and start, end and interval")
    if int(bounds["interval"]) <= 0 or int(bounds["start"]) >= int(bounds["end"]):
        raise invalid("rangePartitioning.range is empty")


def _column(name: str, fields: Sequence[Field], where: str) -> Field:
    found = next((it for it in fields if it["name"].lower() == str(name).lower()), None)
    if found is None:
        raise invalid(f"The field specified for {where} cannot be found in the schema: {name}")
    return found


@dataclass(frozen=True)
class Partition:
    """One partition of a table.

    Attributes:
        name: Its identifier, such as 20260101.
        condition: SQL that its rows fulfil.
    """

    name: str
    condition: str

    @classmethod
    def of(cls, table: Table, name: str) -> "Partition":
        """Return a partition of a table.

        Raises:
            BigQueryError: There can be none of this name.
        """
        by_time = table.body.get("timePartitioning")
        by_range = table.body.get("rangePartitioning")
        found = by_time or by_range
        if found is None:
            raise invalid(f"The table {table.name[2]} is not partitioned: ${name}")
        column = quoted(found["field"])
        if name == NULLS:
            return cls(name, f"{column} IS NULL")
        if by_time:
            return cls._by_time(name, column, found["type"])
        return cls._by_range(name, column, found["range"])

    @classmethod
    def _by_time(cls, name: str, column: str, unit: str) -> "Partition":
        if not re.fullmatch(rf"\d{{{DIGITS[unit]}}}", name):
            raise invalid(f"Invalid date partition: {name}")
        return cls(name, f"strftime(CAST({column} AS TIMESTAMP), '{UNITS[unit]}') = '{name}'")

    @classmethod
    def _by_range(cls, name: str, column: str, bounds: Mapping[str, Any]) -> "Partition":
        start, end, step = (int(bounds[key]) for key in ("start", "end", "interval"))
        if not name.isdigit() or not start <= int(name) < end or (int(name) - start) % step:
            raise invalid(f"Invalid range partition: {name}")
        last = min(int(name) + step, end)
        return cls(name, f"{column} >= {int(name)} AND {column} < {last}")

    def check(self, connection: Any, rows: str, fields: Sequence[Field]) -> None:
        """Refuse rows that belong to another partition.

        Raises:
            BigQueryError: One does.
        """
        names = ", ".join(quoted(it["name"]) for it in fields)
        sql = f"SELECT 1 FROM ({rows}) AS r({names}) WHERE ({self.condition}) IS NOT TRUE LIMIT 1"
        if connection.execute(sql).fetchall():
            raise invalid(
                "Some rows belong to different partitions rather than destination partition "
                f"{self.name}"
            )
