"""What the reader learns of the lines, and what it does not take for the usual form."""

import pytest

from batchpredict.runtime.results.fast_explanations import attribution_shape
from batchpredict.runtime.results.fast_lane import key_columns
from batchpredict.runtime.results.lines import line_decoders
from batchpredict.runtime.results.media import frames_of, segments_of
from batchpredict.runtime.results.rows import read_row
from batchpredict.runtime.results.shapes import join_shapes, shape_of
from batchpredict.runtime.results.sniffing import sniff_lines
from batchpredict.runtime.results.sources import sample_files

FEATURES = {"a": 1.5, "b": [2.5]}


@pytest.mark.parametrize(
    "explanation",
    [
        5,
        {"other": []},
        {"attributions": 5},
        {"attributions": []},
        {"attributions": [5]},
        {"attributions": [{"x": 1}]},
        {"attributions": [{"featureAttributions": {}}]},
        {"attributions": [{"featureAttributions": {"a": "text"}}]},
        {"attributions": [{"featureAttributions": {"a": [[1.5]]}}]},
    ],
)
def test_other_explanations_are_for_python(explanation):
    assert attribution_shape(shape_of(explanation, 6)) is None


def test_the_usual_explanation():
    found = attribution_shape(shape_of({"attributions": [{"featureAttributions": FEATURES}]}, 6))
    parts = (("a", "number"), ("b", ("list", "number")))
    assert found == {"featureAttributions": ("object", parts)}


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (None, "null"),
        (True, "boolean"),
        (1, "number"),
        ("1", "text"),
        ([], ("list", "")),
        ([1, 2.5], ("list", "number")),
        ([1, "a"], None),
        ([[1], ["a"]], None),
        ({"a": [1, "b"]}, None),
        ({"a": 1, "A": 2}, None),
        ({"a": 1, "b": []}, ("object", (("a", "number"), ("b", ("list", ""))))),
    ],
)
def test_the_shape_of_a_value(value, shape):
    assert shape_of(value) == shape


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ([], [1], ("list", "number")),
        ([1], [], ("list", "number")),
        ([1], ["a"], None),
        ([1], 1, None),
        ({"a": []}, {"a": [1]}, ("object", (("a", ("list", "number")),))),
        ({"a": 1}, {"b": 1}, None),
        ({"a": 1}, {"a": "x"}, None),
        ({"a": 1, "b": 1}, {"b": 1, "a": 1}, None),
    ],
)
def test_one_shape_for_two_values(first, second, both):
    assert join_shapes(shape_of(first), shape_of(second)) == both


def test_a_line_that_was_too_long_is_a_failure():
    plan = {"key_field": "key", "labels": [], "kind": "custom", "explained": False}
    good, row = read_row(None, plan, line_decoders())
    assert not good
    assert row == {"key": None, "code": "E222", "message": "the line is too long", "raw": None}


def test_rows_without_key_and_instance(tmp_path):
    path = tmp_path / "predictions.jsonl"
    path.write_text('{"prediction": 1}\n')
    plan = sniff_lines([str(path)], [str(path)], "auto", "key", [])
    assert plan["keyed"] is False
    assert key_columns(plan) == ("NULL", "true")


def test_empty_files_tell_nothing(tmp_path):
    for number in range(3):
        (tmp_path / f"predictions_{number}.csv").write_text("a,predicted_b\n")
    (tmp_path / "predictions_0.csv").write_text("")
    (tmp_path / "predictions_1.csv").write_bytes(b"\xef\xbb\xbf")
    paths = [str(tmp_path / f"predictions_{number}.csv") for number in range(3)]
    assert sample_files(paths) == paths[2:]


def test_files_of_the_whole_range_tell_how_to_read_json_lines(tmp_path):
    names = [f"predictions_{number:02}.jsonl" for number in range(40)]
    for name in names:
        (tmp_path / name).write_text('{"a": 1}\n')
    paths = [str(tmp_path / name) for name in names]
    assert sample_files(paths) == paths[::3]


@pytest.mark.parametrize(
    ("frames", "said"),
    [([5], "a frame is no object"), ([{"xMin": "1"}], "xMin of a frame is no number")],
)
def test_frames_of_another_form(frames, said):
    with pytest.raises(ValueError, match=said):
        frames_of(frames)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"displayName": "a", "confidence": "1"}, "the confidence of a segment is no number"),
        ({"confidence": 1}, "a segment has no displayName"),
        (5, "is a list of segments"),
    ],
)
def test_segments_of_another_form(part, said):
    with pytest.raises(ValueError, match=said):
        segments_of([part])


def deep(levels, innermost):
    for _ in range(levels):
        innermost = [innermost]
    return innermost


@pytest.mark.parametrize("levels", [5, 22, 900])
def test_what_is_nested_deep_is_for_python(levels):
    assert shape_of(deep(levels, 1)) is None
    assert shape_of({"a": deep(levels, 1)}) is None
