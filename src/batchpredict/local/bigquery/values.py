"""Values as clients send them, checked and made into what DuckDB reads as JSON.

Whatever comes from outside (streamed rows, lines of JSON, cells of CSV) becomes text or JSON of a
known form first; ``stored`` is the SQL that turns it into the column's type.
"""

import base64
import binascii
import datetime
import decimal
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from batchpredict.local.bigquery.cells import CONVERTERS, EPOCH
from batchpredict.local.bigquery.errors import invalid
from batchpredict.local.bigquery.fields import DUCKDB, Field, quoted

SMALLEST, LARGEST = -(2**63), 2**63 - 1
WHOLE = re.compile(r"[+-]?\d{1,30}")
REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
SPECIAL = {"nan": "nan", "inf": "inf", "infinity": "inf", "+inf": "inf", "+infinity": "inf"}
SPECIAL |= {"-inf": "-inf", "-infinity": "-inf"}
ZONE = re.compile(r" ?(UTC|Z|z)$")
MOMENT = re.compile(
    r"\d{4}-\d\d?-\d\d?([ Tt]\d\d?:\d\d(:\d\d(\.\d{1,9})?)?)?( ?[+-]\d\d?(:?\d\d)?)?"
)
TENTHS = decimal.Decimal("1e29")
Decode = Callable[[Any], Any]


def row_decoder(
    fields: Sequence[Field], *, ignore_unknown: bool = False
) -> Callable[[Any], dict[str, Any]]:
    """Return a function from a JSON object to a row that ``stored`` takes.

    Args:
        fields: The columns.
        ignore_unknown: Whether members that are no column are dropped, not refused.
    """
    known = {it["name"].lower(): (it["name"], field_decoder(it, ignore_unknown)) for it in fields}
    required = [it["name"] for it in fields if it["mode"] == "REQUIRED"]

    def decode(row: Any) -> dict[str, Any]:
        if not isinstance(row, Mapping):
            raise invalid("This field is not an object", "")
        found: dict[str, Any] = {}
        for name, value in row.items():
            column = known.get(name.lower())
            if column is None:
                if ignore_unknown:
                    continue
                raise invalid(f"no such field: {name}.", name)
            found[column[0]] = column[1](value)
        for name in required:
            if found.get(name) is None:
                raise invalid(f"Missing required field: {name}.", name)
        return found

    return decode


def field_decoder(field: Field, ignore_unknown: bool = False) -> Decode:
    """Return a function that checks a value of a column."""
    name = field["name"]
    if field["mode"] == "REPEATED":
        inner = field_decoder({**field, "mode": "NULLABLE"}, ignore_unknown)
        return lambda values: [_element(inner, it, name) for it in _list(values, name)]
    if field["type"] == "RECORD":
        decode = row_decoder(field["fields"], ignore_unknown=ignore_unknown)
        return lambda value: None if value is None else decode(value)
    convert = DECODERS[field["type"]]

    def checked(value: Any) -> Any:
        if value is None:
            return None
        try:
            return convert(value)
        except (ValueError, TypeError, ArithmeticError, OverflowError):
            kind = field["type"].lower()
            shown = json.dumps(value)[:100]
            raise invalid(f"Cannot convert value to {kind} (bad value): {shown}", name) from None

    return checked


def _list(values: Any, name: str) -> Any:
    if values is None:
        return []
    if not isinstance(values, list):
        raise invalid(f"Array specified for non-repeated field or the reverse: {name}.", name)
    return values


def _element(decode: Decode, value: Any, name: str) -> Any:
    if value is None:
        raise invalid(f"Only optional fields can be set to NULL. Field: {name}", name)
    return decode(value)


def _integer(value: Any) -> str:
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError
        value = int(value)
    text = str(value).strip()
    if not WHOLE.fullmatch(text) or not SMALLEST <= int(text) <= LARGEST:
        raise ValueError
    return str(int(text))


def _float(value: Any) -> str:
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, int | float):
        return _real(float(value))
    text = str(value).strip()
    if text.lower() in SPECIAL:
        return SPECIAL[text.lower()]
    if not REAL.fullmatch(text):
        raise ValueError
    return _real(float(text))


def _real(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "nan" if value != value else "inf" if value > 0 else "-inf"


def _numeric(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else repr(value)
    if isinstance(value, bool) or not REAL.fullmatch(text):
        raise ValueError
    with decimal.localcontext(prec=80):
        exact = decimal.Decimal(text)
        rounded = exact.quantize(decimal.Decimal("1e-9"), decimal.ROUND_HALF_UP)
    if rounded != exact or abs(rounded) >= TENTHS:
        raise ValueError  # more digits than a NUMERIC has
    return format(rounded, "f")


def _boolean(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool | str) else ""
    if text not in ("true", "false"):
        raise ValueError
    return text


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        raise ValueError
    text = value if isinstance(value, str) else json.dumps(value)
    text.encode()  # half of a surrogate pair is no text
    return text


def _bytes(value: Any) -> str:
    try:
        return base64.b64encode(base64.b64decode(value, validate=True)).decode()
    except binascii.Error:
        raise ValueError from None


def _date(value: Any) -> str:
    return datetime.datetime.strptime(str(value).strip(), "%Y-%m-%d").date().isoformat()


def _time(value: Any) -> str:
    return datetime.time.fromisoformat(str(value).strip()).isoformat()


def _datetime(value: Any) -> str:
    text = str(value).strip()
    if not MOMENT.fullmatch(text) or re.search(r"[+-]\d\d?(:?\d\d)?$", text[10:]):
        raise ValueError
    return datetime.datetime.fromisoformat(text).isoformat(sep=" ")


def _timestamp(value: Any) -> str:
    """Return microseconds; a number is seconds since 1970."""
    if isinstance(value, bool):
        raise ValueError
    text = str(value).strip()
    if isinstance(value, int | float) or REAL.fullmatch(text):
        return str(int(decimal.Decimal(text) * 1_000_000))
    bare = ZONE.sub("", text)
    if not MOMENT.fullmatch(bare):
        raise ValueError
    bare = re.sub(r" ?([+-])(\d\d?)(?::?(\d\d))?$", _offset, bare) if len(bare) > 10 else bare
    moment = datetime.datetime.fromisoformat(bare)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    return str((moment - EPOCH) // datetime.timedelta(microseconds=1))


def _offset(match: re.Match[str]) -> str:
    return f"{match[1]}{int(match[2]):02d}:{match[3] or '00'}"


def _json(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(json.loads(value), ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


DECODERS: dict[str, Decode] = {
    "INTEGER": _integer,
    "FLOAT": _float,
    "NUMERIC": _numeric,
    "BOOLEAN": _boolean,
    "STRING": _string,
    "BYTES": _bytes,
    "DATE": _date,
    "TIME": _time,
    "DATETIME": _datetime,
    "TIMESTAMP": _timestamp,
    "JSON": _json,
}


def transported(value: Any, field: Field) -> Any:
    """Return a value that was read from a column as one that ``stored`` takes."""
    if value is None:
        return None
    if field["mode"] == "REPEATED":
        inner = {**field, "mode": "NULLABLE"}
        return [transported(it, inner) for it in value]
    if field["type"] == "RECORD":
        return {it["name"]: transported(value[it["name"]], it) for it in field["fields"]}
    if field["type"] == "FLOAT":
        return _real(value)
    return CONVERTERS.get(field["type"], str)(value)


def transport_type(field: Field) -> str:
    """Return the type that DuckDB reads a decoded value as: texts, and what holds them."""
    kind = "VARCHAR"
    if field["type"] == "RECORD":
        parts = (f"{quoted(it['name'])} {transport_type(it)}" for it in field["fields"])
        kind = f"STRUCT({', '.join(parts)})"
    return f"{kind}[]" if field["mode"] == "REPEATED" else kind


def stored(value: str, field: Field) -> str:
    """Return the SQL that gives a decoded value the type of its column."""
    if field["mode"] == "REPEATED":
        inner = stored("it", {**field, "mode": "NULLABLE"})
        return f"list_transform(coalesce({value}, []), lambda it: {inner})"
    kind = field["type"]
    if kind == "RECORD":
        names = [quoted(it["name"]) for it in field["fields"]]
        pairs = zip(names, field["fields"], strict=True)
        parts = (f"{name} := {stored(f'{value}.{name}', it)}" for name, it in pairs)
        return f"CASE WHEN {value} IS NULL THEN NULL ELSE struct_pack({', '.join(parts)}) END"
    if kind == "BYTES":
        return f"from_base64({value})"
    if kind == "TIMESTAMP":
        return f"make_timestamptz(CAST({value} AS BIGINT))"
    return f"CAST({value} AS {DUCKDB[kind]})"
