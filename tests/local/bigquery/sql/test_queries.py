"""What the parts of a query mean, where engines differ."""

import datetime
import decimal
from typing import Any

import pytest
from local.bigquery.sql.support import Evaluate

from batchpredict.local.bigquery.errors import BigQueryError

T = (
    "WITH t AS (SELECT 1 AS a, 'x' AS b, 1.5 AS c, [10, 20] AS l, STRUCT(7 AS k, 'p' AS s) AS r "
    "UNION ALL SELECT 2, 'y', NULL, [], NULL "
    "UNION ALL SELECT 3, NULL, 2.5, [30], STRUCT(9 AS k, NULL AS s)) "
)
CASES: list[tuple[str, Any]] = [
    ("SELECT 7 / 2, 6 / 2, 7.0 / 2", [(3.5, 3.0, 3.5)]),
    ("SELECT 1 + 1.5, 2 * 3, 2 - 3, -5, -9223372036854775808", [(2.5, 6, -1, -5, -(2**63))]),
    ("SELECT 0.1 + 0.2, 1e3, 0x1F", [(0.1 + 0.2, 1000.0, 31)]),
    ("SELECT 2147483647 + 1", [(2147483648,)]),
    ("SELECT CAST(1 AS NUMERIC) + 0.5", [(1.5,)]),
    ("SELECT NUMERIC '1.1' * NUMERIC '1.1'", [(decimal.Decimal("1.21"),)]),
    ("SELECT 1 = 1.0, 'a' < 'b', TRUE <> FALSE, 1 != 2", [(True, True, True, True)]),
    ("SELECT NULL = 1, NULL IS NULL, 1 IS NOT NULL", [(None, True, True)]),
    ("SELECT TRUE IS TRUE, NULL IS FALSE, NOT FALSE", [(True, False, True)]),
    ("SELECT TRUE AND NULL, FALSE AND NULL, TRUE OR NULL", [(None, False, True)]),
    ("SELECT DATE '2026-01-31' = '2026-01-31', '2026-01-01' < DATE '2026-01-31'", [(True, True)]),
    (
        "SELECT 2 BETWEEN 1 AND 3, 1 IN (1, 2), 3 NOT IN (1, 2), 1 IN (2, NULL)",
        [(True, True, True, None)],
    ),
    (
        "SELECT 1 IN UNNEST([1]), 2 IN UNNEST([1, NULL]), 1 IN UNNEST(ARRAY<INT64>[])",
        [(True, None, False)],
    ),
    ("SELECT 'a_c' LIKE 'a\\\\_c', 'abc' LIKE 'a\\\\_c', 'abc' LIKE 'A%'", [(True, False, False)]),
    ("SELECT 'a' || 'b', [1] || [2]", [("ab", [1, 2])]),
    ("SELECT 1 IS NOT DISTINCT FROM NULL, NULL IS NOT DISTINCT FROM NULL", [(False, True)]),
    (
        "SELECT IF(1 = 1, 'a', 'b'), CASE WHEN 1 = 2 THEN 1 END, CASE 2 WHEN 2 THEN 'z' END",
        [("a", None, "z")],
    ),
    ("SELECT CAST('12' AS INT64), CAST(2.5 AS INT64), CAST(-2.5 AS INT64)", [(12, 3, -3)]),
    (
        "SELECT CAST(TRUE AS STRING), CAST(1.0 AS STRING), CAST(1e20 AS STRING)",
        [("true", "1", "1e+20")],
    ),
    (
        "SELECT CAST(TIMESTAMP '2026-01-01 01:00:00.5+01' AS STRING)",
        [("2026-01-01 00:00:00.5+00",)],
    ),
    ("SELECT CAST(b'ab' AS STRING), CAST('é' AS BYTES)", [("ab", "é".encode())]),
    ("SELECT CAST('TRUE' AS BOOL), CAST(0 AS BOOL), CAST('1.5' AS FLOAT64)", [(True, False, 1.5)]),
    ("SELECT SAFE_CAST('x' AS INT64), SAFE_CAST('2026-13-01' AS DATE)", [(None, None)]),
    (
        "SELECT SAFE_CAST(b'\\xff' AS STRING), SAFE_CAST('9' AS NUMERIC)",
        [(None, decimal.Decimal(9))],
    ),
    ("SELECT CAST(DATETIME '2026-01-31 23:00:00' AS DATE)", [(datetime.date(2026, 1, 31),)]),
    (
        "SELECT EXTRACT(DAYOFWEEK FROM DATE '2026-11-22'), "
        "EXTRACT(ISOWEEK FROM DATE '2027-01-01')",
        [(1, 53)],
    ),
    ("SELECT EXTRACT(MILLISECOND FROM TIMESTAMP '2026-01-01 00:00:01.250')", [(250,)]),
    ("SELECT EXTRACT(HOUR FROM TIMESTAMP '2026-01-01 23:00:00-02')", [(1,)]),
    (
        "SELECT EXTRACT(DATE FROM TIMESTAMP '2026-01-01 23:00:00-02')",
        [(datetime.date(2026, 1, 2),)],
    ),
    ("SELECT [1, 2][OFFSET(0)], [1, 2][ORDINAL(2)], [1, 2][1]", [(1, 2, 2)]),
    ("SELECT [1][SAFE_OFFSET(5)], [1][SAFE_ORDINAL(1)], ARRAY<INT64>[]", [(None, 1, [])]),
    (
        "SELECT STRUCT(1 AS a, 'x' AS b).b, STRUCT<p INT64, q STRING>(1, 'z')",
        [("x", {"p": 1, "q": "z"})],
    ),
    ("SELECT ARRAY<STRUCT<x INT64>>[(1), (2)]", [([{"x": 1}, {"x": 2}],)]),
    (
        "SELECT 'a\\x41\\u00e9\\'\\n', r'\\d', '''q'q''', \"it's\"",
        [("aAé'\n", "\\d", "q'q", "it's")],
    ),
    ("SELECT b'\\xffa', rb'\\x'", [(b"\xffa", b"\\x")]),
    ("SELECT 1 -- no\n, 2 # neither\n, /* nor */ 3", [(1, 2, 3)]),
    ("SELECT a FROM t ORDER BY b", [(3,), (1,), (2,)]),
    ("SELECT a FROM t ORDER BY b DESC", [(2,), (1,), (3,)]),
    ("SELECT a FROM t ORDER BY c NULLS LAST LIMIT 2 OFFSET 1", [(3,), (2,)]),
    ("SELECT t.a, r.k, t.r.s FROM t WHERE r IS NOT NULL ORDER BY 1", [(1, 7, "p"), (3, 9, None)]),
    ("SELECT * EXCEPT (b, c, l, r) FROM t ORDER BY a", [(1,), (2,), (3,)]),
    ("SELECT * EXCEPT (b, c, l, r) REPLACE (a * 2 AS a) FROM t ORDER BY a", [(2,), (4,), (6,)]),
    ("SELECT x, o FROM UNNEST(['p', 'q']) AS x WITH OFFSET AS o ORDER BY o", [("p", 0), ("q", 1)]),
    ("SELECT x, offset FROM UNNEST(['p']) AS x WITH OFFSET", [("p", 0)]),
    ("SELECT * FROM UNNEST([2, 1]) ORDER BY 1", [(1,), (2,)]),
    (
        "SELECT a, e, o FROM t, UNNEST(t.l) AS e WITH OFFSET o ORDER BY a, o",
        [(1, 10, 0), (1, 20, 1), (3, 30, 0)],
    ),
    (
        "SELECT a, e FROM t LEFT JOIN UNNEST(l) AS e ORDER BY a, e",
        [(1, 10), (1, 20), (2, None), (3, 30)],
    ),
    ("SELECT e.x FROM UNNEST([STRUCT(1 AS x), STRUCT(2 AS x)]) AS e ORDER BY 1", [(1,), (2,)]),
    ("SELECT COUNT(*) FROM t JOIN t AS u ON t.a = u.a", [(3,)]),
    ("SELECT a, u.b FROM t JOIN (SELECT 1 AS a, 'q' AS b) AS u USING (a)", [(1, "q")]),
    ("SELECT COUNT(*) FROM t CROSS JOIN t AS u", [(9,)]),
    (
        "SELECT t.a, u.z FROM t FULL JOIN (SELECT 4 AS z) AS u ON t.a = u.z ORDER BY a",
        [(None, 4), (1, None), (2, None), (3, None)],
    ),
    ("SELECT c > 1 AS big, COUNT(*) AS n FROM t GROUP BY big ORDER BY n", [(None, 1), (True, 2)]),
    ("SELECT b, SUM(a) FROM t GROUP BY 1 HAVING SUM(a) > 1 ORDER BY b", [(None, 3), ("y", 2)]),
    ("SELECT SUM(a) / (SELECT COUNT(*) FROM t) FROM t", [(2.0,)]),
    ("SELECT a FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY a DESC) = 1", [(3,)]),
    (
        "SELECT SUM(a) OVER w FROM t "
        "WINDOW w AS (ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY 1",
        [(1,), (3,), (5,)],
    ),
    ("SELECT SUM(SUM(a)) OVER () FROM t GROUP BY b LIMIT 1", [(6,)]),
    ("SELECT DISTINCT a > 1 FROM t ORDER BY 1", [(False,), (True,)]),
    ("SELECT 1 AS n UNION ALL SELECT 1 ORDER BY n", [(1,), (1,)]),
    ("SELECT 1 UNION DISTINCT SELECT 1", [(1,)]),
    ("SELECT 1 INTERSECT DISTINCT SELECT 1", [(1,)]),
    ("SELECT 1 EXCEPT DISTINCT SELECT 1", []),
    ("SELECT ARRAY(SELECT AS STRUCT a, b FROM t ORDER BY a LIMIT 1)", [([{"a": 1, "b": "x"}],)]),
    ("SELECT (SELECT MAX(a) FROM t), EXISTS(SELECT 1 FROM t WHERE a = 9)", [(3, False)]),
    ("SELECT a FROM t WHERE a IN (SELECT 2)", [(2,)]),
    (
        "SELECT a FROM t AS outside WHERE a = 2 AND "
        "a = (SELECT MAX(a) FROM t WHERE t.a < outside.a + 1)",
        [(2,)],
    ),
    ("SELECT c AS z, z + 1 FROM t WHERE a = 1", [(1.5, 2.5)]),
    ("SELECT c AS z FROM t WHERE c IS NOT NULL ORDER BY -z", [(2.5,), (1.5,)]),
]


@pytest.mark.parametrize(
    ("sql", "wanted"), CASES, ids=lambda it: it if isinstance(it, str) else ""
)
def test_a_query(evaluate: Evaluate, sql: str, wanted: Any) -> None:
    assert evaluate(f"{T}{sql}") == wanted


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT 9223372036854775807 + 1", "Overflow"),
        ("SELECT 9223372036854775808", "Invalid integer literal"),
        ("SELECT 1 = 'a'", "No matching signature for operator ="),
        ("SELECT [1] = [1]", "No matching signature for operator ="),
        ("SELECT 'a' + 'b'", "bq_add"),
        ("SELECT 1 || 'a'", r"No matching signature for operator \|\|"),
        ("SELECT 1 FROM t WHERE a", "should return type BOOL, but returns BIGINT"),
        ("SELECT CAST('x' AS INT64)", "Bad int64 value: x"),
        ("SELECT CAST('t' AS BOOL)", "Bad bool value: t"),
        ("SELECT [1][OFFSET(1)]", "Array index 1 is out of bounds"),
        ("SELECT nothing FROM t", "nothing"),
        ("SELECT SUM(b) FROM t", "sum"),
        ("SELECT @p", "Query parameter 'p' not found"),
        ("SELECT ?", "parameter"),
        ("SELECT 'a", "Unclosed string literal"),
        ("SELECT '\\q'", "Illegal escape sequence"),
        ("SELEC 1", "E370|Syntax error"),
        ("SELECT FROM", "Syntax error"),
        ("", "Unexpected end"),
    ],
)
def test_a_mistake_is_an_error(evaluate: Evaluate, sql: str, words: str) -> None:
    with pytest.raises(BigQueryError, match=words) as caught:
        evaluate(f"{T}{sql}" if "FROM t" in sql else sql)
    assert (caught.value.status, caught.value.reason) == (400, "invalidQuery")


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT SOUNDEX('a')", "SOUNDEX"),
        ("SELECT FORMAT('%d', 1)", "FORMAT"),
        ("SELECT read_text('/etc/passwd')", "READ_TEXT"),
        ("SELECT * FROM read_csv('/etc/passwd')", "READ_CSV"),
        ("SELECT * FROM glob('/*')", "GLOB"),
        ("SELECT getenv('HOME')", "GETENV"),
        ("SELECT bq_add(1, 2)", "BQ_ADD"),
        ("SELECT ML.PREDICT(1)", "Anonymous"),
        ("SELECT NET.HOST('x')", "NET"),
        ("SELECT SAFE.SUBSTR('a', 1)", "SAFE"),
        ("SELECT AVG(a ORDER BY a) FROM t", "AVG with Order"),
        ("SELECT ARRAY_AGG(a) OVER (ORDER BY a) FROM t", "ARRAY_AGG over a window"),
        ("SELECT * FROM t, UNNEST([STRUCT(1 AS z)])", "fields of an unnested STRUCT"),
        ("SELECT a FROM t TABLESAMPLE SYSTEM (10 PERCENT)", "SAMPLE"),
        ("SELECT * FROM t PIVOT(SUM(a) FOR b IN ('x'))", "PIVOTS"),
        ("SELECT a FROM t GROUP BY ROLLUP(a)", "Rollup"),
        ("SELECT a FROM t GROUP BY ALL", "ALL"),
        ("SELECT AS VALUE 1", "SELECT AS VALUE"),
        ("WITH RECURSIVE r AS (SELECT 1) SELECT * FROM r", "RECURSIVE"),
        ("SELECT 1 INTERSECT ALL SELECT 1", "INTERSECT ALL"),
        ("SELECT INTERVAL 1 DAY", "Interval"),
        ("SELECT DATE '2026-01-01' + INTERVAL 1 DAY", "INTERVAL"),
        ("SELECT NUMERIC '1' / 2", "division of NUMERIC"),
        ("SELECT CAST('x' AS BIGNUMERIC)", "BIGNUMERIC"),
        ("SELECT CAST('2026' AS DATE FORMAT 'YYYY')", "E370"),
        ("SELECT rowid FROM t", "rowid"),
        ("SELECT _PARTITIONTIME FROM t", "_PARTITIONTIME"),
        ("SELECT JSON '{}'['a']", "subscript"),
        ("SELECT EXTRACT(WEEK FROM DATE '2026-01-01')", "WEEK"),
        ("SELECT FORMAT_DATE('%E4Y', DATE '2026-01-01')", "%E4Y"),
        ("SELECT 'a\\x00'", "NUL"),
        ("SELECT a << 1 FROM t", "BitwiseLeftShift"),
        ("FROM t |> WHERE a = 1", "pipe syntax"),
        ("SELECT [STRUCT(1 AS x), STRUCT(2)]", "other names"),
        ("SELECT STRUCT(1 AS x) UNION ALL SELECT STRUCT(2 AS y)", "other names"),
        ("SELECT IF(TRUE, STRUCT(1 AS x), STRUCT(2 AS y))", "other names"),
        ("SELECT COALESCE(STRUCT(1 AS x), r) FROM t", "other names"),
    ],
)
def test_what_is_not_tested_is_refused_by_name(evaluate: Evaluate, sql: str, name: str) -> None:
    with pytest.raises(BigQueryError, match=name) as caught:
        evaluate(f"{T}{sql}" if "FROM t" in sql and not sql.startswith("FROM") else sql)
    assert caught.value.message.startswith("E370") or "Syntax error" in caught.value.message
