"""The rows that were predicted, as they are matched with the output."""

import hashlib

import duckdb
import pytest

from batchpredict.runtime.results.inputs import line_number, load_inputs, read_input


def inputs(tmp_path, content, keyed=True, key_field="key"):
    path = tmp_path / "instances.jsonl"
    path.write_bytes(content)
    with duckdb.connect() as con:
        load_inputs(con, str(path), key_field, keyed, str(tmp_path))
        return con.execute("SELECT match, key, instance FROM inputs ORDER BY ALL").fetchall()


def digest(text):
    return hashlib.md5(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'{"key": "a"}', "a"),
        (b'{"key": ""}', ""),
        (b'{"key": "007"}', "007"),
        (b'{"x": 1, "key": 12345678901234567890123}', "12345678901234567890123"),
        (b'{"key": 1.10}', "1.10"),
        (b'{"key": -0}', "0"),
        (b'{"key": true}', "true"),
        (b'{"key": "a\\"b"}', 'a"b'),
        (b'{"key": "\\u00e9"}', "é"),
        (b'{"key":\r"a"}', "a"),
        (b'{"k\\u0065y": "a"}', "a"),
        (b'{"x": "key", "key": "a"}', "a"),
    ],
)
def test_keys_are_read_as_they_stand(tmp_path, line, key):
    [(match, found, instance)] = inputs(tmp_path, b"\n" + line + b"\n \n\t\n")
    assert (match, found, instance) == (key, key, line.decode())


def test_instances_that_mean_the_same_in_one_spelling(tmp_path):
    rows = inputs(tmp_path, b'{"a": 1}\n{"a":1}\n{"a":1 }\n', keyed=False)
    assert [match for match, _, _ in rows] == [digest('{"a":1}')] * 3


def test_what_is_no_json_is_spelt_out(tmp_path):
    [(_, key, instance)] = inputs(tmp_path, b'{"key": "a", "x": [NaN, -Infinity]}\n')
    assert (key, instance) == ("a", '{"key": "a", "x": ["NaN", "-Infinity"]}')


def test_a_file_list_is_matched_by_its_texts(tmp_path):
    rows = inputs(tmp_path, b"gs://b/a.jpg\n", keyed=False)
    assert rows == [(digest('"gs://b/a.jpg"'), None, '"gs://b/a.jpg"')]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"key": 1}\n{"kye": 2}\n', "E206 line 2 of the instances has no key"),
        (b'{"key": null}\n', "E206 line 1 of the instances"),
        (b'{"key": 1}\n[1]\n', "E202 line 2 of the instances is no JSON object, it is another"),
        (b'{"key": 1', "E202 line 1 of the instances"),
        (b'{"key": 1,}\n', "E202 line 1 of the instances"),
        (b'{"key": "a", "key": "b"}\n', "E202 line 1 .* holds its key twice"),
        (b'{"key": "a", "k\\u0065y": "b"}\n', "E202 line 1 .* holds its key twice"),
        (b'{"key": "a\xff"}\n', "E202 line 1 of the instances"),
    ],
)
def test_instances_without_keys_are_refused(tmp_path, content, said):
    with pytest.raises(ValueError, match=rf"^{said}"):
        inputs(tmp_path, content)


def test_an_instance_that_is_no_json_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^E202 line 2 of the instances is no JSON, "):
        inputs(tmp_path, b'{"a": 1}\nno json\n', keyed=False)


def test_a_line_that_was_too_long_is_refused():
    with pytest.raises(ValueError, match=r"^E202 is longer than 64 MiB"):
        read_input(None, "key", True)


def test_e201_no_instances(tmp_path):
    with duckdb.connect() as con, pytest.raises(ValueError, match=r"^E201 there are no inst"):
        load_inputs(con, str(tmp_path / "none"), "key", True, str(tmp_path))


def test_the_number_of_a_line_that_is_not_there(tmp_path):
    (tmp_path / "file").write_text("a\nb\n")
    assert line_number(str(tmp_path / "file"), b"b\r\n") == 2
    assert line_number(str(tmp_path / "file"), b"c\n") == 0
