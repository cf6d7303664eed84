import pytest

from batchpredict.runtime.instances.lines import (
    csv_cell,
    csv_heading,
    finite_checker,
    line_builder,
    listed_uri,
    sample_builder,
)

CELLS = ['"k"', "1.10", None, '"a \\"b\\", c"']
NAMES = ["key", "n", 'odd "é"', "t"]


def test_a_line_of_json():
    build = line_builder("jsonl", NAMES, "key", "")
    line = '{"key": "k", "n": 1.10, "odd \\"é\\"": null, "t": "a \\"b\\", c"}'
    assert build(CELLS) == line
    assert line_builder("jsonl", NAMES, "", "array")(CELLS) == '["k", 1.10, null, "a \\"b\\", c"]'


def test_a_line_of_csv():
    build = line_builder("csv", ["key", "n", "o", "t"], "key", "")
    assert build(["7", "-2e5", "true", '"a \\"b\\", c"']) == '"7",-2e5,"true","a ""b"", c"'
    assert build(['"7"', "0", "false", '""']) == '"7",0,"false",""'
    assert csv_heading(["a", 'b "c", d']) == '"a","b ""c"", d"'


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (None, "is missing, which a CSV file cannot say"),
        ("null", "is missing, which a CSV file cannot say"),
        ("[1]", "is a list or an object"),
        ('{"a": 1}', "is a list or an object"),
        ('"a\\nb"', "has a line break"),
        ('"a\\rb"', "has a line break"),
    ],
)
def test_what_csv_has_no_place_for_is_refused(cell, said):
    with pytest.raises(ValueError, match=rf"^the cell of 'x' {said}"):
        csv_cell("x", cell)
    with pytest.raises(ValueError, match=r"^E213 .* 'a\\nb' has a line break"):
        csv_heading(["a\nb"])


def test_a_line_of_a_file_list():
    assert line_builder("file-list", ["u"], "", "")(['"gs://b/a b.jpg"']) == "gs://b/a b.jpg"
    for cell in (None, "7", '"s3://b/x"', '"gs://b"', '"gs://b/"', '" gs://b/x"', '"gs://b/x "'):
        with pytest.raises(ValueError, match=r"is no gs://BUCKET/OBJECT"):
            listed_uri([cell])
    with pytest.raises(ValueError, match=r"^'gs://b/x\\ny' has a line break"):
        listed_uri(['"gs://b/x\\ny"'])


def test_nan_and_infinity_are_refused_by_column():
    check = finite_checker(["a", "b"])
    check(['"NaN or Infinity"', "1"])
    check([None, None])
    for cell in ("NaN", "Infinity", "-Infinity", '{"x": [NaN]}'):
        with pytest.raises(ValueError, match=r"^the cell of 'b': -?(NaN|Infinity) is not JSON"):
            check(['"NaN"', cell])
        with pytest.raises(ValueError, match=r"^the cell of 'a': "):
            check([cell, None])


def test_what_the_model_gets():
    assert sample_builder(["a", "b"], "")(["1", None]) == {"a": 1, "b": None}
    assert sample_builder(["a", "b"], "array")(["1.5", '"x"']) == [1.5, "x"]
