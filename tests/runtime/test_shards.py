import json

import pytest

from batchpredict.runtime.shards import (
    parse_error_counts,
    read_lines,
    strict_decoder,
)


def test_only_a_newline_ends_a_line(tmp_path):
    path = tmp_path / "shard"
    path.write_bytes(b"\xef\xbb\xbfa\r\n\n\xe2\x80\xa8b\x0b\x85\nlast")
    assert list(read_lines(str(path))) == [b"a\r\n", b"\n", b"\xe2\x80\xa8b\x0b\x85\n", b"last"]
    path.write_bytes(b"")
    assert list(read_lines(str(path))) == []


def test_a_long_line_is_skipped_but_not_lost(tmp_path):
    path = tmp_path / "shard"
    path.write_bytes(b"1234567\n" + b"x" * 25 + b"\nok\n" + b"y" * 16)
    assert list(read_lines(str(path), longest=8)) == [b"1234567\n", None, b"ok\n", None]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": 1, "a": 2}', "same key twice"),
        ('{"b": {"a": 1, "a": 1}}', "same key twice"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": [-Infinity]}', "-Infinity is not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "4300 digits"),
        ('{"a": 1', "Expecting ',' delimiter"),
    ],
)
def test_a_text_is_decoded_strictly(line, reason):
    with pytest.raises(ValueError, match=reason):
        strict_decoder().decode(line)


def test_a_good_text_is_decoded_whole():
    line = ' {"a": "\\ud83d\\ude00é\\u0000", "b": [1, 2.5, null, true], "c": {"a": {}}}\r\n'
    decoded = {"a": "\U0001f600é\0", "b": [1, 2.5, None, True], "c": {"a": {}}}
    assert strict_decoder().decode(line) == decoded


def test_error_statistics_are_python_tuples(tmp_path):
    path = tmp_path / "prediction.errors_stats-00000-of-00001"
    lines = [
        repr(('it\'s "504"\nretry=3', 16)),
        "('cut",
        "('a', 1, 2)",
        "(1, 'a')",
        "('flag', True)",
        repr(("é" * 3000, 2)),
        "",
        "(" * 5000,
        "'\\ud800', 3",
    ]
    path.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe")
    found = parse_error_counts(str(path))
    assert found[0] == {"message": 'it\'s "504"\nretry=3', "count": 16}
    assert [e["message"] for e in found[1:5]] == lines[1:5]
    assert [e["count"] for e in found[1:5]] == [None] * 4
    assert found[5] == {"message": "é" * 2000, "count": 2}
    assert found[6] == {"message": "(" * 2000, "count": None}
    assert found[7] == {"message": "?", "count": 3}
    assert found[8]["message"] == "\ufffd\ufffd"
    json.dumps(found).encode()


def test_error_statistics_are_bounded(tmp_path):
    path = tmp_path / "prediction.errors_stats-00000-of-00001"
    path.write_bytes(b"x" * (2**20 + 5) + b"\n" + b"('m', 1)\n" * 2000)
    found = parse_error_counts(str(path))
    assert found[0] == {"message": "a line of more than a MiB", "count": None}
    assert len(found) == 1000
