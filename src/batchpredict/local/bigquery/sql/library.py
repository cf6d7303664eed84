"""The functions: each by its name, with what it means as an expression or a macro of DuckDB.

An entry is ``NAME(parameters) = expression``; one name may have several, by number or types of
its arguments. ``S`` stands for VARCHAR, ``I`` for BIGINT, ``F`` for DOUBLE, ``N`` for NUMERIC.
"""

import re
from collections.abc import Mapping

_SPACE = r"[\s\x{85}\p{Z}]+"
LINES = rf"""
ABS(a I) = abs(a)
ABS(a N) = CAST(abs(a) AS DECIMAL(38,9))
ABS(a F) = abs(a)
SIGN(a I) = CAST(sign(a) AS BIGINT)
SIGN(a F) = CAST(sign(a) AS DOUBLE)
ROUND(a N) = CAST(round(a, 0) AS DECIMAL(38,9))
ROUND(a N, b I) = error('E370 ROUND of NUMERIC to a digit is not emulated on this machine')
ROUND(a F) = round(a)
ROUND(a F, b I) = round(a, CAST(b AS INTEGER))
TRUNC(a F) = trunc(a)
CEIL(a F) = ceil(a)
CEILING(a F) = ceil(a)
FLOOR(a F) = floor(a)
SQRT(a F) = CASE WHEN a < 0 THEN error('Argument to SQRT cannot be negative: ' || a)
    ELSE sqrt(a) END
POW(a F, b F) = pow(a, b)
POWER(a F, b F) = pow(a, b)
EXP(a F) = exp(a)
LN(a F) = CASE WHEN a <= 0 THEN error('LN is undefined for zero or negative value: LN(' || a
    || ')') ELSE ln(a) END
LOG10(a F) = CASE WHEN a <= 0
    THEN error('LOG10 is undefined for zero or negative value: LOG10(' || a || ')')
    ELSE log10(a) END
DIV(a I, b I) = bq_div(a, b)
MOD(a I, b I) = bq_mod(a, b)
SAFE_DIVIDE(a N, b N) = bq_safe_divide(a, b)
SAFE_DIVIDE(a F, b F) = bq_safe_divide(a, b)
IS_NAN(a F) = isnan(a)
IS_INF(a F) = isinf(a)
RAND() = random()
IFNULL(a, b) = coalesce(a, b)
NULLIF(a, b) = CASE WHEN bq_eq(a, b) THEN NULL ELSE a END
LOWER(a S) = lower(a)
UPPER(a S) = upper(a)
LENGTH(a S) = length(a)
LENGTH(a Y) = octet_length(a)
CHAR_LENGTH(a S) = length(a)
BYTE_LENGTH(a S) = octet_length(encode(a))
BYTE_LENGTH(a Y) = octet_length(a)
SUBSTR(a S, b I) = substr(a, CASE WHEN b = 0 OR b < -length(a) THEN 1 ELSE b END)
SUBSTR(a S, b I, c I) = CASE WHEN c < 0
    THEN error('Third argument in SUBSTR() cannot be negative') ELSE substr(a, CASE
    WHEN b = 0 OR b < -length(a) THEN 1 ELSE b END, c) END
TRIM(a S) = regexp_replace(a, '^{_SPACE}|{_SPACE}$', '', 'g')
TRIM(a S, b S) = trim(a, b)
LTRIM(a S) = regexp_replace(a, '^{_SPACE}', '')
LTRIM(a S, b S) = ltrim(a, b)
RTRIM(a S) = regexp_replace(a, '{_SPACE}$', '')
RTRIM(a S, b S) = rtrim(a, b)
REPLACE(a S, b S, c S) = CASE WHEN b = '' THEN a ELSE replace(a, b, c) END
STARTS_WITH(a S, b S) = starts_with(a, b)
ENDS_WITH(a S, b S) = ends_with(a, b)
STRPOS(a S, b S) = strpos(a, b)
LEFT(a S, b I) = CASE WHEN b < 0 THEN error('Second argument in LEFT() cannot be negative')
    ELSE left(a, b) END
RIGHT(a S, b I) = CASE WHEN b < 0 THEN error('Second argument in RIGHT() cannot be negative')
    ELSE right(a, b) END
LPAD(a S, b I) = lpad(a, CAST(b AS INTEGER), ' ')
LPAD(a S, b I, c S) = lpad(a, CAST(b AS INTEGER), c)
RPAD(a S, b I) = rpad(a, CAST(b AS INTEGER), ' ')
RPAD(a S, b I, c S) = rpad(a, CAST(b AS INTEGER), c)
REPEAT(a S, b I) = CASE WHEN b < 0 THEN error('Second argument in REPEAT() cannot be negative')
    ELSE repeat(a, b) END
REVERSE(a S) = reverse(a)
SPLIT(a S) = string_split(a, ',')
SPLIT(a S, b S) = CASE WHEN a = '' THEN [''] ELSE string_split(a, b) END
REGEXP_CONTAINS(a S, b S) = regexp_matches(a, b)
REGEXP_REPLACE(a S, b S, c S) = regexp_replace(a, b, c, 'g')
TO_HEX(a Y) = lower(hex(a))
FROM_HEX(a S) = unhex(a)
TO_BASE64(a Y) = to_base64(a)
FROM_BASE64(a S) = from_base64(a)
MD5(a S) = unhex(md5(a))
SHA256(a S) = unhex(sha256(a))
FARM_FINGERPRINT(a S) = bq_fingerprint(encode(a))
FARM_FINGERPRINT(a Y) = bq_fingerprint(a)
GENERATE_UUID() = CAST(uuid() AS VARCHAR)
ARRAY_LENGTH(a) = CASE WHEN bq_kind(a) = 'ARRAY' OR a IS NULL THEN len(a)
    ELSE error('ARRAY_LENGTH takes an ARRAY') END
ARRAY_REVERSE(a) = list_reverse(a)
ARRAY_TO_STRING(a S[], b S) = bq_joined(list_filter(a, lambda bq_x: bq_x IS NOT NULL), b)
ARRAY_TO_STRING(a S[], b S, c S) = bq_joined(list_filter(list_transform(a,
    lambda bq_x: coalesce(bq_x, c)), lambda bq_x: bq_x IS NOT NULL), b)
GENERATE_ARRAY(a I, b I) = CASE WHEN a IS NULL OR b IS NULL THEN NULL
    ELSE generate_series(a, b) END
GENERATE_ARRAY(a I, b I, c I) = CASE WHEN c = 0 THEN error('Sequence step cannot be 0.')
    WHEN a IS NULL OR b IS NULL OR c IS NULL THEN NULL ELSE generate_series(a, b, c) END
UNIX_SECONDS(a Z) = CAST(floor(epoch_us(a) / 1000000) AS BIGINT)
UNIX_MILLIS(a Z) = CAST(floor(epoch_us(a) / 1000) AS BIGINT)
UNIX_MICROS(a Z) = epoch_us(a)
TIMESTAMP_SECONDS(a I) = make_timestamptz(a * 1000000)
TIMESTAMP_MILLIS(a I) = make_timestamptz(a * 1000)
TIMESTAMP_MICROS(a I) = make_timestamptz(a)
DATE(a I, b I, c I) = make_date(a, b, c)
DATE(a D) = a
DATE(a T) = CAST(a AS DATE)
DATE(a Z) = CAST(a AS DATE)
DATETIME(a Z) = CAST(a AS TIMESTAMP)
DATETIME(a T) = a
DATETIME(a D) = CAST(a AS TIMESTAMP)
DATETIME(a D, b H) = a + b
TIMESTAMP(a S) = bq_timestamp(a)
TIMESTAMP(a Z) = a
TIMESTAMP(a T) = CAST(a AS TIMESTAMPTZ)
TIMESTAMP(a D) = CAST(a AS TIMESTAMPTZ)
PARSE_JSON(a S) = bq_json(a)
"""
TYPES = {
    "S": "VARCHAR",
    "S[]": "VARCHAR[]",
    "I": "BIGINT",
    "F": "DOUBLE",
    "N": "DECIMAL(38,9)",
    "Y": "BLOB",
    "D": "DATE",
    "T": "TIMESTAMP",
    "Z": "TIMESTAMPTZ",
    "H": "TIME",
}
_WHOLE = re.sub(r"\n +", " ", LINES)  # an indented line belongs to the one before it
_LINE = re.compile(r"(\w+)\((.*?)\) = (.*)")
_HELPERS = (
    "bq_offset(a, i) AS (CASE WHEN a IS NULL OR i IS NULL THEN NULL WHEN i < 0 OR i >= len(a) "
    "THEN error('Array index ' || i || ' is out of bounds') ELSE a[i + 1] END)",
    "bq_safe_offset(a, i) AS (CASE WHEN i < 0 THEN NULL ELSE a[i + 1] END)",
    "bq_in_array(x, a) AS (CASE WHEN a IS NULL OR len(a) = 0 THEN false WHEN x IS NULL THEN NULL "
    "WHEN list_contains(a, x) THEN true WHEN len(a) <> list_count(a) THEN NULL ELSE false END)",
    "bq_concat(a, b) AS (CASE WHEN bq_kind(a) <> bq_kind(b) OR bq_kind(a) NOT IN "
    "('s', 'BLOB', 'ARRAY') THEN error('No matching signature for operator || for argument "
    "types: ' || typeof(a) || ', ' || typeof(b)) ELSE a || b END)",
    "bq_joined(a, b) AS (CASE WHEN typeof(a) NOT IN ('VARCHAR[]', '\"NULL\"[]') "
    "THEN error('a list of STRING is needed, not ' || typeof(a)) "
    "WHEN len(a) = 0 AND b IS NOT NULL THEN '' "
    "ELSE list_reduce(a, lambda bq_x, bq_y: bq_x || b || bq_y) END)",
    "bq_array(a) AS (CASE WHEN len(a) <> list_count(a) "
    "THEN error('Array cannot have a null element') ELSE a END)",
    "bq_no_struct(a) AS (CASE WHEN bq_kind(a) IN ('STRUCT') THEN "
    "error('E370 * over the fields of an unnested STRUCT is not emulated on this machine; name "
    "them') ELSE true END)",
    "bq_json_scalar(a, path) AS (CASE WHEN NOT json_valid(a) THEN NULL "
    "WHEN json_type(a, path) IN ('OBJECT', 'ARRAY', 'NULL') THEN NULL "
    "ELSE json_extract_string(a, path) END)",
    "bq_json_query(a, path) AS (CASE WHEN NOT json_valid(a) THEN NULL "
    "WHEN json_type(a, path) = 'NULL' THEN NULL ELSE CAST(json_extract(a, path) AS VARCHAR) END)",
    "bq_only_date(a DATE) AS (a)",
    "bq_only_datetime(a TIMESTAMP) AS (CASE WHEN typeof(a) IN ('TIMESTAMP', '\"NULL\"') THEN a "
    "ELSE error('a DATETIME is needed') END)",
    "bq_only_timestamp(a TIMESTAMPTZ) AS (CASE WHEN typeof(a) IN ('TIMESTAMP WITH TIME ZONE', "
    "'\"NULL\"') THEN a ELSE error('a TIMESTAMP is needed') END)",
    "bq_moment(a DATE) AS (a), (a TIMESTAMP) AS (a), (a TIMESTAMPTZ) AS (CAST(a AS TIMESTAMP)), "
    "(a TIME) AS (a)",
    "bq_only_text(a VARCHAR) AS (CASE WHEN typeof(a) IN ('VARCHAR', 'JSON', '\"NULL\"') THEN a "
    "ELSE error('a STRING or JSON is needed') END)",
    "bq_simple_json(a) AS (CASE WHEN regexp_matches(typeof(a), "
    "'DOUBLE|FLOAT|DECIMAL|HUGEINT|TIME|BLOB|JSON') THEN error('E370 TO_JSON_STRING of ' || "
    "typeof(a) || ' is not emulated on this machine') WHEN a IS NULL THEN 'null' "
    "ELSE CAST(to_json(a) AS VARCHAR) END)",
)


def definitions() -> list[str]:
    """Return the macros of the functions, without ``CREATE MACRO``."""
    bodies: dict[str, list[str]] = {}
    for name, parameters, expression in _LINE.findall(_WHOLE):
        typed = ", ".join(map(_parameter, filter(None, parameters.split(", "))))
        bodies.setdefault(name, []).append(f"({typed}) AS ({expression})")
    return [*_HELPERS, *(f"{macro_name(name)}{', '.join(it)}" for name, it in bodies.items())]


def _parameter(text: str) -> str:
    name, _, kind = text.partition(" ")
    return f"{name} {TYPES[kind]}" if kind else name


def macro_name(name: str) -> str:
    """Return the macro of a function."""
    return f"fn_{name.lower()}"


def plain_functions() -> Mapping[str, frozenset[int]]:
    """Return the functions that are one macro, with the numbers of arguments that they take."""
    found: dict[str, set[int]] = {}
    for name, parameters, _ in _LINE.findall(_WHOLE):
        found.setdefault(name, set()).add(len(parameters.split(", ")) if parameters else 0)
    return {name: frozenset(counts) for name, counts in found.items()}
