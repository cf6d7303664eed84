"""What GoogleSQL means by its operators and casts, as macros of DuckDB.

A macro of several types is chosen by the types of its arguments, and one that gets others does not
bind: so nothing is computed by rules of DuckDB that BigQuery has not. ``error`` is raised only for
a row that comes so far.
"""

import re

_KIND = """CASE
  WHEN typeof(a) = 'VARCHAR' THEN 's'
  WHEN typeof(a) IN ('BIGINT', 'HUGEINT', 'INTEGER', 'DOUBLE') THEN 'n'
  WHEN typeof(a) LIKE 'DECIMAL%' THEN 'n'
  WHEN typeof(a) = '"NULL"' THEN NULL
  WHEN typeof(a) LIKE '%]' THEN 'ARRAY'
  WHEN typeof(a) LIKE 'STRUCT%' THEN 'STRUCT'
  ELSE typeof(a) END"""
_COMPARISONS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_DATED = "('s', 'DATE', 'TIME', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE')"
_SAME = "IS NOT DISTINCT FROM"
_NUMBERS = "(a BIGINT, b BIGINT)", "(a DECIMAL(38,9), b DECIMAL(38,9))", "(a DOUBLE, b DOUBLE)"
_ZONE = r"(Z|z| ?UTC| ?[+-][0-9]{1,2}(:[0-9]{2})?)?"
_DAY = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_HOUR = r"[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]{1,6})?"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


def _comparisons() -> list[str]:
    found = [f"bq_kind(a) AS ({_KIND})"]
    for name, sign in _COMPARISONS.items():
        wrong = (
            f"error('No matching signature for operator {sign} for argument types: ' "
            "|| typeof(a) || ', ' || typeof(b))"
        )
        bad = "bq_kind(a) <> bq_kind(b) OR bq_kind(a) IN ('ARRAY', 'JSON')"
        found.append(f"bq_{name}(a, b) AS (CASE WHEN {bad} THEN {wrong} ELSE a {sign} b END)")
        found.append(
            f"bq_{name}_text(a, b) AS (CASE WHEN bq_kind(a) NOT IN {_DATED} THEN {wrong} "
            f"ELSE a {sign} b END)"
        )
    return found


def _arithmetic() -> list[str]:
    whole, exact, real = _NUMBERS
    zero = "CASE WHEN b = 0 THEN error('division by zero: ' || a || ' / ' || b) ELSE a / b END"
    refused = "error('E370 the division of NUMERIC is not emulated on this machine')"
    return [
        f"bq_add{whole} AS (a + b), {exact} AS (CAST(a + b AS DECIMAL(38,9))), {real} AS (a + b)",
        f"bq_sub{whole} AS (a - b), {exact} AS (CAST(a - b AS DECIMAL(38,9))), {real} AS (a - b)",
        f"bq_mul{whole} AS (a * b), {exact} AS (CAST(a * b AS DECIMAL(38,9))), {real} AS (a * b)",
        f"bq_divide{exact} AS ({refused}), {real} AS ({zero})",
        f"bq_safe_divide{exact} AS ({refused}), "
        f"{real} AS (CASE WHEN b = 0 THEN NULL ELSE a / b END)",
        "bq_div(a BIGINT, b BIGINT) AS "
        "(CASE WHEN b = 0 THEN error('division by zero: ' || a || ' / ' || b) ELSE a // b END)",
        "bq_mod(a BIGINT, b BIGINT) AS "
        "(CASE WHEN b = 0 THEN error('division by zero: MOD(' || a || ', ' || b || ')') "
        "ELSE a % b END)",
        "bq_neg(a BIGINT) AS (-a), (a DECIMAL(38,9)) AS (CAST(-a AS DECIMAL(38,9))), "
        "(a DOUBLE) AS (-a)",
        "bq_sum(a HUGEINT) AS (CAST(a AS BIGINT)), (a DECIMAL(38,9)) AS (a), (a DOUBLE) AS (a)",
        "bq_averaged(a BIGINT) AS (a), (a DECIMAL(38,9)) AS "
        "(error('E370 AVG of NUMERIC is not emulated on this machine')), (a DOUBLE) AS (a)",
        "bq_real(a DOUBLE) AS (a)",
        "bq_bool(a) AS (CASE WHEN typeof(a) IN ('BOOLEAN', '\"NULL\"') THEN a "
        "ELSE error('a condition should return type BOOL, but returns ' || typeof(a)) END)",
    ]


def _float_text(value: str) -> str:
    short = f"format('{{:.15g}}', {value})"
    return (
        f"CASE WHEN {short}::DOUBLE = {value} THEN {short} ELSE format('{{:.17g}}', {value}) END"
    )


def _time_text(pattern: str) -> str:
    micros = "rtrim(strftime(a, '.%f'), '0')"
    fraction = f"CASE WHEN {micros} = '.' THEN '' ELSE {micros} END"
    return f"strftime(a, '{pattern}') || {fraction}"


def _texts() -> str:
    stamp = f"{_time_text('%Y-%m-%d %H:%M:%S')} || '+00'"
    number = (
        "regexp_replace(regexp_replace(CAST(a AS VARCHAR), '(\\.[0-9]*?)0+$', '\\1'), '\\.$', '')"
    )
    other = "error('E370 a cast of ' || typeof(a) || ' to STRING is not emulated on this machine')"
    return (
        "bq_string"
        "(a VARCHAR) AS (CASE WHEN typeof(a) IN ('VARCHAR', '\"NULL\"') THEN a "
        f"ELSE {other} END), "
        "(a BIGINT) AS (CAST(a AS VARCHAR)), (a BOOLEAN) AS (CAST(a AS VARCHAR)), "
        f"(a DOUBLE) AS ({_float_text('a')}), (a DECIMAL(38,9)) AS ({number}), "
        "(a DATE) AS (strftime(a, '%Y-%m-%d')), (a TIME) AS (CAST(a AS VARCHAR)), "
        f"(a TIMESTAMP) AS ({_time_text('%Y-%m-%d %H:%M:%S')}), "
        f"(a TIMESTAMPTZ) AS ({stamp}), (a BLOB) AS (decode(a))"
    )


def _casts() -> list[str]:
    """Return the casts; FAIL(kind) stands for what happens to a text that is no such value."""
    return [
        "bq_int64(a VARCHAR) AS (CASE WHEN regexp_full_match(a, '[+-]?[0-9]+') "
        "THEN CAST(a AS BIGINT) WHEN a IS NULL THEN NULL ELSE FAIL(int64) END), "
        "(a BIGINT) AS (a), (a BOOLEAN) AS (CAST(a AS BIGINT)), "
        "(a DOUBLE) AS (CAST(round(a) AS BIGINT)), (a DECIMAL(38,9)) AS (CAST(a AS BIGINT))",
        f"bq_float64(a VARCHAR) AS (CASE WHEN regexp_full_match(a, '{_NUMBER}') OR "
        "regexp_full_match(lower(a), '[+-]?(inf|infinity)|nan') THEN CAST(a AS DOUBLE) "
        "WHEN a IS NULL THEN NULL ELSE FAIL(double) END), (a DOUBLE) AS (a)",
        f"bq_numeric(a VARCHAR) AS (CASE WHEN regexp_full_match(a, '{_NUMBER}') THEN "
        "CAST(a AS DECIMAL(38,9)) WHEN a IS NULL THEN NULL ELSE FAIL(numeric) END), "
        "(a DECIMAL(38,9)) AS (a), (a BIGINT) AS (CAST(a AS DECIMAL(38,9))), "
        "(a DOUBLE) AS (CAST(a AS DECIMAL(38,9)))",
        "bq_boolean(a VARCHAR) AS (CASE lower(a) WHEN 'true' THEN true WHEN 'false' THEN false "
        "ELSE CASE WHEN a IS NULL THEN NULL ELSE FAIL(bool) END END), (a BOOLEAN) AS (a), "
        "(a BIGINT) AS (a <> 0)",
        "bq_bytes(a VARCHAR) AS (encode(a)), (a BLOB) AS (a)",
        f"bq_date(a VARCHAR) AS (CASE WHEN regexp_full_match(a, '{_DAY}') THEN CAST(a AS DATE) "
        "WHEN a IS NULL THEN NULL ELSE FAIL(date) END), (a DATE) AS (a), "
        "(a TIMESTAMP) AS (CAST(a AS DATE)), (a TIMESTAMPTZ) AS (CAST(a AS DATE))",
        f"bq_time(a VARCHAR) AS (CASE WHEN regexp_full_match(a, '{_HOUR}') THEN CAST(a AS TIME) "
        "WHEN a IS NULL THEN NULL ELSE FAIL(time) END), (a TIME) AS (a), "
        "(a TIMESTAMP) AS (CAST(a AS TIME)), "
        "(a TIMESTAMPTZ) AS (CAST(CAST(a AS TIMESTAMP) AS TIME))",
        f"bq_datetime(a VARCHAR) AS (CASE WHEN regexp_full_match(a, '{_DAY}([ Tt]{_HOUR})?') THEN "
        "CAST(a AS TIMESTAMP) WHEN a IS NULL THEN NULL ELSE FAIL(datetime) END), "
        "(a TIMESTAMP) AS (a), (a DATE) AS (CAST(a AS TIMESTAMP)), "
        "(a TIMESTAMPTZ) AS (CAST(a AS TIMESTAMP))",
        "bq_timestamp(a VARCHAR) AS (CASE WHEN "
        f"regexp_full_match(a, '{_DAY}([ Tt]{_HOUR}{_ZONE})?')"
        " THEN CAST(a AS TIMESTAMPTZ) WHEN a IS NULL THEN NULL ELSE FAIL(timestamp) END), "
        "(a TIMESTAMPTZ) AS (a), (a TIMESTAMP) AS (CAST(a AS TIMESTAMPTZ)), "
        "(a DATE) AS (CAST(a AS TIMESTAMPTZ))",
        "bq_json(a VARCHAR) AS (CASE WHEN json_valid(a) THEN json_extract(a, '$') "
        "WHEN a IS NULL THEN NULL ELSE FAIL(json) END)",
    ]


def _failing(cast: str) -> str:
    return re.sub(r"FAIL\((\w+)\)", r"error('Bad \1 value: ' || a)", cast)


def _safe(cast: str) -> str:
    """Return a cast under another name that gives NULL for what cannot be cast."""
    named = re.sub(r"^bq_(\w+?)\(", r"bq_safe_\1(", cast)
    return re.sub(r"FAIL\(\w+\)", "NULL", named).replace("CAST(", "TRY_CAST(")


def macros() -> list[str]:
    """Return the statements that define everything that a translated statement may call."""
    from batchpredict.local.bigquery.sql.library import definitions

    casts = _casts()
    safe = [_safe(cast) for cast in casts]
    texts = _texts()
    # BYTES that are no text give NULL; all else can be written.
    lenient = texts.replace("bq_string", "bq_safe_string", 1).replace(
        "decode(a)", "TRY(decode(a))"
    )
    found = [*_comparisons(), *_arithmetic(), texts, lenient, *map(_failing, casts), *safe]
    return [f"CREATE OR REPLACE MACRO {it}" for it in (*found, *definitions())]
