"""What each function means, for the values at which engines differ."""

import datetime
import decimal
import hashlib
import math
from typing import Any

import pytest
from local.bigquery.sql.support import Evaluate

from batchpredict.local.bigquery.errors import BigQueryError
from batchpredict.local.bigquery.sql.aggregates import WINDOW_ONLY
from batchpredict.local.bigquery.sql.functions import CALLS, PLAIN
from batchpredict.local.bigquery.sql.writer import AGGREGATES

D, T = datetime.date, datetime.datetime
UTC = datetime.UTC
NOW = T(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BAD = "error"

CASES: dict[str, list[tuple[str, Any]]] = {
    "ABS": [("ABS(-2)", 2), ("ABS(-2.5)", 2.5), ("ABS(CAST(-1 AS NUMERIC))", decimal.Decimal(1))],
    "SIGN": [("SIGN(-3)", -1), ("SIGN(-0.5)", -1.0)],
    "ROUND": [("ROUND(2.5)", 3.0), ("ROUND(-2.5)", -3.0), ("ROUND(1.25, 1)", 1.3)],
    "TRUNC": [("TRUNC(-1.7)", -1.0)],
    "CEIL": [("CEIL(1.2)", 2.0), ("CEIL(2)", 2.0)],
    "CEILING": [("CEILING(-1.2)", -1.0)],
    "FLOOR": [("FLOOR(-1.2)", -2.0)],
    "SQRT": [("SQRT(9)", 3.0), ("SQRT(-1)", BAD)],
    "POW": [("POW(2, 3)", 8.0)],
    "POWER": [("POWER(2, -1)", 0.5)],
    "EXP": [("EXP(0)", 1.0)],
    "LN": [("LN(1)", 0.0), ("LN(0)", BAD)],
    "LOG10": [("LOG10(1000)", 3.0), ("LOG10(-1)", BAD)],
    "LOG": [("LOG(1)", 0.0), ("LOG(8, 2)", 3.0)],
    "DIV": [("DIV(7, 2)", 3), ("DIV(-7, 2)", -3), ("DIV(1, 0)", BAD)],
    "MOD": [("MOD(7, 3)", 1), ("MOD(-7, 3)", -1), ("MOD(1, 0)", BAD)],
    "SAFE_DIVIDE": [("SAFE_DIVIDE(1, 0)", None), ("SAFE_DIVIDE(1, 4)", 0.25)],
    "IS_NAN": [("IS_NAN(CAST('nan' AS FLOAT64))", True)],
    "IS_INF": [("IS_INF(CAST('-inf' AS FLOAT64))", True)],
    "RAND": [("RAND() >= 0 AND RAND() < 1", True)],
    "GENERATE_UUID": [("LENGTH(GENERATE_UUID())", 36)],
    "IFNULL": [("IFNULL(NULL, 3)", 3), ("IFNULL('a', 'b')", "a")],
    "NULLIF": [("NULLIF(1, 1)", None), ("NULLIF(2, 1)", 2)],
    "COALESCE": [("COALESCE(NULL, NULL, 4)", 4)],
    "GREATEST": [("GREATEST(1, 3, 2)", 3), ("GREATEST(1, NULL)", None)],
    "LEAST": [("LEAST('b', 'a')", "a"), ("LEAST(NULL, 1)", None)],
    "LOWER": [("LOWER('ÄB')", "äb")],
    "UPPER": [("UPPER('äb')", "ÄB")],
    "LENGTH": [("LENGTH('äb')", 2), ("LENGTH(b'\\xff\\x00')", 2)],
    "CHAR_LENGTH": [("CHAR_LENGTH('äb')", 2)],
    "BYTE_LENGTH": [("BYTE_LENGTH('äb')", 3), ("BYTE_LENGTH(b'ab')", 2)],
    "SUBSTR": [
        ("SUBSTR('apple', 2)", "pple"),
        ("SUBSTR('apple', 2, 2)", "pp"),
        ("SUBSTR('apple', -2)", "le"),
        ("SUBSTR('apple', 0, 2)", "ap"),
        ("SUBSTR('apple', -9, 2)", "ap"),
        ("SUBSTR('apple', 9)", ""),
        ("SUBSTR('apple', 1, -1)", BAD),
    ],
    "TRIM": [("TRIM(' \\t a \\n\\u00a0')", "a"), ("TRIM('**a*', '*')", "a")],
    "LTRIM": [("LTRIM(' a ')", "a "), ("LTRIM('xxa', 'x')", "a")],
    "RTRIM": [("RTRIM(' a ')", " a"), ("RTRIM('axx', 'x')", "a")],
    "REPLACE": [("REPLACE('aab', 'a', 'x')", "xxb"), ("REPLACE('ab', '', 'x')", "ab")],
    "STARTS_WITH": [("STARTS_WITH('abc', 'ab')", True)],
    "ENDS_WITH": [("ENDS_WITH('abc', 'bc')", True)],
    "STRPOS": [("STRPOS('abc', 'c')", 3), ("STRPOS('abc', 'x')", 0)],
    "LEFT": [("LEFT('abc', 2)", "ab"), ("LEFT('abc', -1)", BAD)],
    "RIGHT": [("RIGHT('abc', 2)", "bc"), ("RIGHT('abc', -1)", BAD)],
    "LPAD": [("LPAD('7', 3, '0')", "007"), ("LPAD('abc', 2)", "ab"), ("LPAD('a', 2)", " a")],
    "RPAD": [("RPAD('7', 3, '0')", "700"), ("RPAD('a', 2)", "a ")],
    "REPEAT": [("REPEAT('ab', 2)", "abab"), ("REPEAT('a', -1)", BAD)],
    "REVERSE": [("REVERSE('abc')", "cba")],
    "SPLIT": [
        ("SPLIT('a,b')", ["a", "b"]),
        ("SPLIT('', ',')", [""]),
        ("SPLIT('a b', ' ')", ["a", "b"]),
    ],
    "CONCAT": [("CONCAT('a', 1)", "a1"), ("CONCAT('a', NULL)", None)],
    "REGEXP_CONTAINS": [("REGEXP_CONTAINS('abc', r'b.')", True)],
    "REGEXP_EXTRACT": [
        ("REGEXP_EXTRACT('abc', r'b(.)')", "c"),
        ("REGEXP_EXTRACT('abc', 'b.')", "bc"),
        ("REGEXP_EXTRACT('abc', 'x')", None),
        ("REGEXP_EXTRACT('abc', '(a)(b)')", BAD),
    ],
    "REGEXP_EXTRACT_ALL": [("REGEXP_EXTRACT_ALL('a1b2', r'\\d')", ["1", "2"])],
    "REGEXP_REPLACE": [("REGEXP_REPLACE('aab', r'(a)', r'\\1x')", "axaxb")],
    "TO_HEX": [("TO_HEX(b'\\x00\\xff')", "00ff")],
    "FROM_HEX": [("FROM_HEX('00ff')", b"\x00\xff")],
    "TO_BASE64": [("TO_BASE64(b'\\xff')", "/w==")],
    "FROM_BASE64": [("FROM_BASE64('/w==')", b"\xff")],
    "MD5": [("MD5('a')", hashlib.md5(b"a").digest())],
    "SHA256": [("SHA256('a')", hashlib.sha256(b"a").digest())],
    "FARM_FINGERPRINT": [
        (
            "FARM_FINGERPRINT(CONCAT(CAST(1 AS STRING), 'foo', CAST(TRUE AS STRING)))",
            -1541654101129638711,
        ),
        ("FARM_FINGERPRINT(b'2applefalse')", 2794438866806483259),
        ("FARM_FINGERPRINT(CAST(NULL AS STRING))", None),
        ("MOD(ABS(FARM_FINGERPRINT('3true')), 10)", 2),
    ],
    "STRUCT": [("STRUCT(1 AS a, 'x')", {"a": 1, "_field_2": "x"})],
    "ARRAY_LENGTH": [("ARRAY_LENGTH([1, 2])", 2), ("ARRAY_LENGTH(NULL)", None)],
    "ARRAY_REVERSE": [("ARRAY_REVERSE([1, 2])", [2, 1])],
    "ARRAY_CONCAT": [("ARRAY_CONCAT([1], [2], [3])", [1, 2, 3])],
    "ARRAY_TO_STRING": [
        ("ARRAY_TO_STRING(['a', NULL, 'b'], '-')", "a-b"),
        ("ARRAY_TO_STRING(['a', NULL], '-', '?')", "a-?"),
        ("ARRAY_TO_STRING(ARRAY<STRING>[], '-')", ""),
    ],
    "GENERATE_ARRAY": [
        ("GENERATE_ARRAY(1, 5, 2)", [1, 3, 5]),
        ("GENERATE_ARRAY(2, 1)", []),
        ("GENERATE_ARRAY(1, NULL)", None),
        ("GENERATE_ARRAY(1, 2, 0)", BAD),
    ],
    "UNIX_SECONDS": [("UNIX_SECONDS(TIMESTAMP '1969-12-31 23:59:59.5+00')", -1)],
    "UNIX_MILLIS": [("UNIX_MILLIS(TIMESTAMP '1970-01-01 00:00:01+00')", 1000)],
    "UNIX_MICROS": [("UNIX_MICROS(TIMESTAMP '1970-01-01 00:00:00.000001+00')", 1)],
    "TIMESTAMP_SECONDS": [("UNIX_MICROS(TIMESTAMP_SECONDS(1))", 1_000_000)],
    "TIMESTAMP_MILLIS": [("UNIX_MICROS(TIMESTAMP_MILLIS(1))", 1000)],
    "TIMESTAMP_MICROS": [("UNIX_MICROS(TIMESTAMP_MICROS(1))", 1)],
    "DATE": [
        ("DATE(2026, 1, 31)", D(2026, 1, 31)),
        ("DATE(TIMESTAMP '2026-01-31 23:30:00-05')", D(2026, 2, 1)),
        ("DATE(DATETIME '2026-01-31 23:30:00')", D(2026, 1, 31)),
    ],
    "DATETIME": [
        ("DATETIME(TIMESTAMP '2026-01-01 01:00:00+01')", T(2026, 1, 1)),
        ("DATETIME(DATE '2026-01-01')", T(2026, 1, 1)),
        ("DATETIME(DATE '2026-01-01', TIME '01:02:03')", T(2026, 1, 1, 1, 2, 3)),
    ],
    "TIMESTAMP": [
        ("UNIX_SECONDS(TIMESTAMP('1970-01-01 00:00:01Z'))", 1),
        ("UNIX_SECONDS(TIMESTAMP(DATE '1970-01-02'))", 86400),
        ("UNIX_SECONDS(TIMESTAMP(DATETIME '1970-01-01 00:00:02'))", 2),
    ],
    "CURRENT_TIMESTAMP": [("UNIX_SECONDS(CURRENT_TIMESTAMP())", int(NOW.timestamp()))],
    "CURRENT_DATE": [("CURRENT_DATE()", NOW.date()), ("CURRENT_DATE", NOW.date())],
    "CURRENT_DATETIME": [("CURRENT_DATETIME()", NOW.replace(tzinfo=None))],
    "CURRENT_TIME": [("CURRENT_TIME()", datetime.time(3, 4, 5))],
    "DATE_ADD": [
        ("DATE_ADD(DATE '2026-01-31', INTERVAL 1 MONTH)", D(2026, 2, 28)),
        ("DATE_ADD('2026-01-31', INTERVAL 2 QUARTER)", D(2026, 7, 31)),
        ("DATE_ADD(TIMESTAMP '2026-01-31 00:00:00+00', INTERVAL 1 DAY)", BAD),
    ],
    "DATE_SUB": [("DATE_SUB(DATE '2026-03-01', INTERVAL 1 DAY)", D(2026, 2, 28))],
    "DATETIME_ADD": [("DATETIME_ADD(DATETIME '2026-01-01', INTERVAL 1 HOUR)", T(2026, 1, 1, 1))],
    "DATETIME_SUB": [("DATETIME_SUB(DATETIME '2026-01-01', INTERVAL 1 YEAR)", T(2025, 1, 1))],
    "TIMESTAMP_ADD": [
        ("UNIX_SECONDS(TIMESTAMP_ADD(TIMESTAMP '1970-01-01', INTERVAL 90 MINUTE))", 5400),
        ("TIMESTAMP_ADD(TIMESTAMP '1970-01-01', INTERVAL 1 MONTH)", BAD),
    ],
    "TIMESTAMP_SUB": [("UNIX_SECONDS(TIMESTAMP_SUB(TIMESTAMP '1970-01-02', INTERVAL 1 DAY))", 0)],
    "DATE_DIFF": [
        ("DATE_DIFF(DATE '2026-02-01', DATE '2026-01-31', MONTH)", 1),
        ("DATE_DIFF(DATE '2026-01-31', DATE '2026-02-01', DAY)", -1),
        ("DATE_DIFF(DATE '2026-01-31', DATE '2026-02-01', WEEK)", BAD),
    ],
    "DATETIME_DIFF": [
        ("DATETIME_DIFF(DATETIME '2026-01-01 01:00:00', DATETIME '2026-01-01 00:59:59', HOUR)", 1)
    ],
    "TIMESTAMP_DIFF": [
        ("TIMESTAMP_DIFF(TIMESTAMP '2026-01-01 01:59:59', TIMESTAMP '2026-01-01', HOUR)", 1),
        ("TIMESTAMP_DIFF(TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-01 01:59:59', HOUR)", -1),
    ],
    "DATE_TRUNC": [
        ("DATE_TRUNC(DATE '2026-11-21', WEEK)", D(2026, 11, 15)),
        ("DATE_TRUNC(DATE '2026-11-22', WEEK)", D(2026, 11, 22)),
        ("DATE_TRUNC(DATE '2026-11-22', ISOWEEK)", D(2026, 11, 16)),
        ("DATE_TRUNC(DATE '2026-11-22', QUARTER)", D(2026, 10, 1)),
    ],
    "DATETIME_TRUNC": [
        ("DATETIME_TRUNC(DATETIME '2026-11-22 03:04:05', HOUR)", T(2026, 11, 22, 3))
    ],
    "TIMESTAMP_TRUNC": [
        ("UNIX_SECONDS(TIMESTAMP_TRUNC(TIMESTAMP '1970-01-01 01:02:03', HOUR))", 3600)
    ],
    "FORMAT_DATE": [
        ("FORMAT_DATE('%Y/%m %F %j %%', DATE '2026-02-01')", "2026/02 2026-02-01 032 %"),
        ("FORMAT_DATE('%Q', DATE '2026-02-01')", BAD),
    ],
    "FORMAT_DATETIME": [("FORMAT_DATETIME('%T', DATETIME '2026-01-01 01:02:03')", "01:02:03")],
    "FORMAT_TIMESTAMP": [
        ("FORMAT_TIMESTAMP('%F %H', TIMESTAMP '2026-01-01 23:00:00-02')", "2026-01-02 01")
    ],
    "PARSE_DATE": [
        ("PARSE_DATE('%Y%m%d', '20260131')", D(2026, 1, 31)),
        ("PARSE_DATE('%Y%m%d', 'x')", BAD),
        ("PARSE_DATE('%U', '1')", BAD),
    ],
    "PARSE_DATETIME": [("PARSE_DATETIME('%F %T', '2026-01-01 01:02:03')", T(2026, 1, 1, 1, 2, 3))],
    "PARSE_TIMESTAMP": [("UNIX_SECONDS(PARSE_TIMESTAMP('%F %T', '1970-01-01 00:00:05'))", 5)],
    "JSON_VALUE": [
        ("""JSON_VALUE('{"a": {"b": [3, "x"]}}', '$.a.b[1]')""", "x"),
        ("""JSON_VALUE('{"a": 1.50}', '$.a')""", "1.5"),
        ("""JSON_VALUE('{"a": [1]}', '$.a')""", None),
        ("""JSON_VALUE('{"a": null}', '$.a')""", None),
        ("JSON_VALUE('no json', '$.a')", None),
        ("""JSON_VALUE(JSON '{"a": true}', '$.a')""", "true"),
        ("""JSON_VALUE('{}', "$['a']")""", BAD),
    ],
    "JSON_EXTRACT_SCALAR": [("JSON_EXTRACT_SCALAR('[0.25]', '$[0]')", "0.25")],
    "JSON_QUERY": [
        ("""JSON_QUERY('{"a": [1, 2]}', '$.a')""", "[1,2]"),
        ("""JSON_QUERY('{"a": "x"}', '$.a')""", '"x"'),
        ("JSON_QUERY('null')", None),
    ],
    "JSON_EXTRACT": [("""JSON_EXTRACT('{"a": {"b": 1}}', '$.a')""", '{"b":1}')],
    "PARSE_JSON": [("""PARSE_JSON('{"a" : 1}')""", '{"a":1}'), ("PARSE_JSON('{')", BAD)],
    "TO_JSON_STRING": [
        ("TO_JSON_STRING(STRUCT(1 AS a, ['x'] AS b, NULL AS c))", '{"a":1,"b":["x"],"c":null}'),
        ("TO_JSON_STRING(1.5)", BAD),
    ],
    "COUNT": [("COUNT(*)", 4), ("COUNT(x)", 3), ("COUNT(DISTINCT s)", 2)],
    "COUNTIF": [("COUNTIF(x > 1)", 2)],
    "SUM": [("SUM(x)", 6), ("SUM(f)", 4.0), ("SUM(DISTINCT x)", 6), ("SUM(f) + 1", 5.0)],
    "AVG": [("AVG(x)", 2.0), ("AVG(CAST(x AS NUMERIC))", BAD)],
    "MIN": [("MIN(s)", "a")],
    "MAX": [("MAX(x)", 3), ("CAST(MAX(f) AS STRING)", "2.5")],
    "ANY_VALUE": [("ANY_VALUE(s) IN ('a', 'b')", True)],
    "APPROX_COUNT_DISTINCT": [("APPROX_COUNT_DISTINCT(s)", 2)],
    "ARRAY_AGG": [
        ("ARRAY_AGG(x IGNORE NULLS ORDER BY x DESC LIMIT 2)", [3, 2]),
        ("ARRAY_AGG(DISTINCT s IGNORE NULLS ORDER BY s)", ["a", "b"]),
        ("ARRAY_AGG(x ORDER BY x)", [None, 1, 2, 3]),
    ],
    "STRING_AGG": [
        ("STRING_AGG(s ORDER BY x)", "a,b,a"),
        ("STRING_AGG(s, '-' ORDER BY x DESC LIMIT 2)", "a-b"),
        ("STRING_AGG(DISTINCT s, ';' ORDER BY s)", "a;b"),
    ],
    "LOGICAL_AND": [("LOGICAL_AND(x > 0)", True)],
    "LOGICAL_OR": [("LOGICAL_OR(x > 2)", True)],
    "STDDEV": [("STDDEV(x)", 1.0)],
    "STDDEV_SAMP": [("STDDEV_SAMP(x)", 1.0)],
    "STDDEV_POP": [("STDDEV_POP(x)", math.sqrt(2 / 3))],
    "VARIANCE": [("VARIANCE(x)", 1.0)],
    "VAR_SAMP": [("VAR_SAMP(x)", 1.0)],
    "VAR_POP": [("VAR_POP(x)", 2 / 3)],
    "ROW_NUMBER": [
        ("ARRAY(SELECT ROW_NUMBER() OVER (ORDER BY f) FROM t ORDER BY 1)", [1, 2, 3, 4])
    ],
    "RANK": [("ARRAY(SELECT RANK() OVER (ORDER BY s) FROM t ORDER BY 1)", [1, 2, 2, 4])],
    "DENSE_RANK": [
        ("ARRAY(SELECT DENSE_RANK() OVER (ORDER BY s) FROM t ORDER BY 1)", [1, 2, 2, 3])
    ],
    "PERCENT_RANK": [
        ("(SELECT MAX(r) FROM (SELECT PERCENT_RANK() OVER (ORDER BY x) r FROM t))", 1.0)
    ],
    "CUME_DIST": [("(SELECT MIN(r) FROM (SELECT CUME_DIST() OVER (ORDER BY x) r FROM t))", 0.25)],
    "NTILE": [("ARRAY(SELECT NTILE(2) OVER (ORDER BY x) FROM t ORDER BY 1)", [1, 1, 2, 2])],
    "LAG": [("ARRAY(SELECT LAG(x, 1, 0) OVER (ORDER BY x) FROM t ORDER BY x)", [0, None, 1, 2])],
    "LEAD": [("ARRAY(SELECT LEAD(x) OVER (ORDER BY x) FROM t ORDER BY x)", [1, 2, 3, None])],
    "FIRST_VALUE": [
        ("(SELECT MAX(v) FROM (SELECT FIRST_VALUE(x IGNORE NULLS) OVER (ORDER BY x) v FROM t))", 1)
    ],
    "LAST_VALUE": [
        ("ARRAY(SELECT LAST_VALUE(x) OVER (ORDER BY x) FROM t ORDER BY 1)", [None, 1, 2, 3])
    ],
}
TABLE = (
    "WITH t AS (SELECT 1 AS x, 1.5 AS f, 'a' AS s UNION ALL SELECT 2, NULL, 'b' "
    "UNION ALL SELECT 3, 2.5, 'a' UNION ALL SELECT NULL, NULL, NULL) "
)


def test_every_function_of_the_list_is_here() -> None:
    assert CASES.keys() == {*PLAIN, *CALLS, *WINDOW_ONLY}


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [case for cases in CASES.values() for case in cases],
    ids=lambda value: value if isinstance(value, str) and "(" in value else "",
)
def test_a_function(evaluate: Evaluate, expression: str, wanted: Any) -> None:
    of_rows = any(f"{name}(" in expression for name in AGGREGATES)
    source = " FROM t" if of_rows and "FROM t" not in expression else ""
    sql = f"{TABLE}SELECT {expression}{source}"
    if wanted == BAD:
        with pytest.raises(BigQueryError):
            evaluate(sql, NOW)
        return
    [[found]] = evaluate(sql, NOW)
    assert found == (pytest.approx(wanted) if isinstance(wanted, float) else wanted)
    assert type(found) is type(wanted)
