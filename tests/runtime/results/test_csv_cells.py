"""What a cell of CSV becomes as a prediction, and the row that is shown when it is none."""

import json

import pytest
from runtime.results.test_csv_output import HEAD, convert, told


@pytest.mark.parametrize("cell", ["", "  ", "NaN", "-nan", "inf", "+Infinity", "1e999", "9" * 400])
def test_a_cell_without_a_prediction_keeps_its_row(cell):
    _, [failure], _ = convert(HEAD + f'a,"b, ""c""",{cell}\n'.encode())
    assert failure["instance"] == {"key": "a", "memo": 'b, "c"'}
    assert failure["error"]["status"] == "E222"
    assert told(failure) == (f'a,"b, ""c""",{cell}', f"no number as prediction: {cell}")


@pytest.mark.parametrize("cells", ["0.5,", "0.5,x", "1.5,0", "-1,1", "0.5,[0.5]"])
def test_a_class_without_a_score_keeps_its_row(cells):
    _, [failure], _ = convert(b"key,y_n_score,y_p_scores\na," + cells.encode() + b"\n")
    assert told(failure)[0] == f"a,{cells}"
    assert told(failure)[1].startswith("no number from 0 to 1 for each class as prediction: ")


TEXTS = ["cat", "1.", ".5", "01", "+1", "1e", "a b", "\u6771", "{x}", "[1", "'a'", "True", "a\nb"]
VALUES = [
    "[1, 2.50]",
    '{"a": {"b": null}}',
    '"NaN, Infinity"',
    "true",
    "false",
    "null",
    "[]",
    '""',
]


@pytest.mark.parametrize(
    ("cell", "value"),
    [*((text, text) for text in TEXTS), *((text, json.loads(text)) for text in VALUES)],
)
def test_a_cell_is_json_or_a_text(cell, value):
    quoted = cell.replace('"', '""')
    [row], failed, _ = convert(HEAD + f'a,b,"{quoted}"\n'.encode())
    assert (row["prediction"], failed) == (value, [])


def test_json_that_python_may_refuse_shows_its_row():
    cell = '"{""a"": [1,]}"'
    with pytest.raises(json.JSONDecodeError):
        convert(HEAD + f"a,b,{cell}\n".encode())
    [row], _, _ = convert(HEAD + b'a,b,"[""\\u00e9, infinity""]"\n')
    assert row["prediction"] == ["\u00e9, infinity"]
    assert row["\x01"] == 'a,b,"[""\\u00e9, infinity""]"'


def test_the_row_that_goes_along_is_cut():
    _, [failure], _ = convert(HEAD + b"a," + b"m" * 5000 + b",\n")
    assert told(failure)[0] == "a," + "m" * 1998


def test_a_column_key_alone_stands_for_the_instance():
    [row], failed, _ = convert(b'key,predicted_y\n"0,7",1.5\n')
    assert (row, failed) == ({"key": "0,7", "prediction": {"value": 1.5}}, [])
    [row], _, _ = convert(b"predicted_y,id\n1.5,7\n")
    assert row["instance"] == {"id": "7"}
