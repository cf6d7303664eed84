"""The shapes of TensorFlow Serving's row format; a model where TensorFlow is installed."""

from pathlib import Path
from typing import Any

import pytest

from batchpredict.local.serving.inside.tensorflow_loader import (
    columns,
    decoded,
    encoded,
    load,
    predictions,
    signature_name,
)


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ({}, "serving_default"),
        ({"signature_name": "a"}, "a"),
        ({"parameters": {"signature_name": "b"}}, "b"),
        ({"signature_name": "a", "parameters": {"signature_name": "b"}}, "a"),
        ({"parameters": {"signature_name": ""}}, "serving_default"),
        ({"parameters": [1]}, "serving_default"),
        ({"parameters": None}, "serving_default"),
    ],
)
def test_the_signature_that_is_asked_for(request_: dict[str, Any], name: str) -> None:
    assert signature_name(request_) == name


@pytest.mark.parametrize(
    ("instances", "names", "found"),
    [
        ([[1, 2], [3, 4]], ["x"], {"x": [[1, 2], [3, 4]]}),
        ([1.5], ["x"], {"x": [1.5]}),
        ([{"x": 1}, {"x": 2}], ["x"], {"x": [1, 2]}),
        ([{"x": 1}, 2], ["x"], {"x": [1, 2]}),
        ([{"x": 1, "y": "a"}, {"y": "b", "x": 2}], ["x", "y"], {"x": [1, 2], "y": ["a", "b"]}),
        ([{"b64": "YQ=="}], ["x"], {"x": [b"a"]}),
        ([{"x": {"b64": "YQ=="}}], ["x"], {"x": [b"a"]}),
        ([[{"b64": "YQ=="}, "c"]], ["x"], {"x": [[b"a", "c"]]}),
    ],
)
def test_the_values_of_each_input(
    instances: list[Any], names: list[str], found: dict[str, Any]
) -> None:
    assert columns(instances, names) == found


@pytest.mark.parametrize(
    ("instances", "names", "message"),
    [
        ([], ["x"], "there are no instances"),
        ([[1]], ["x", "y"], "instance 0 must have the inputs x, y"),
        ([{"x": 1, "y": 1}, {"x": 1}], ["x", "y"], "instance 1 must have the inputs x, y"),
        ([{"x": 1, "z": 1}], ["x", "y"], "instance 0 must have"),
        ([{"z": 1}], ["x"], "instance 0 must have the inputs x"),
        ([{"b64": "YQ=="}], ["x", "y"], "instance 0 must have"),
        ([{"x": {"a": 1}}], ["x"], "an object inside of a value"),
        ([{"b64": "?"}], ["x"], "'?' is not base64"),
        ([{"b64": 1}], ["x"], "'1' is not base64"),
    ],
)
def test_instances_that_do_not_fit(instances: list[Any], names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        columns(instances, names)


def test_bytes_go_in_and_out() -> None:
    assert decoded([{"b64": "/w=="}, [1]]) == [b"\xff", [1]]
    assert encoded([b"a", [b"\xff", 1]], as_bytes=False) == ["a", [{"b64": "/w=="}, 1]]
    assert encoded(b"a", as_bytes=True) == {"b64": "YQ=="}


def test_one_output_stands_alone_and_several_have_names() -> None:
    assert predictions({"y": [[1], [2]]}, 2) == [[1], [2]]
    assert predictions({"y": [1, 2], "image_bytes": [b"a", b"b"]}, 2) == [
        {"y": 1, "image_bytes": {"b64": "YQ=="}},
        {"y": 2, "image_bytes": {"b64": "Yg=="}},
    ]


@pytest.mark.parametrize("values", [[1], 1.5, [1, 2, 3]])
def test_an_output_without_a_value_for_each_instance(values: object) -> None:
    with pytest.raises(ValueError, match="the output 'y' does not have 2 values"):
        predictions({"y": values}, 2)


def test_a_saved_model(tmp_path: Path) -> None:
    reason = "TensorFlow is not in the locks: it is too large, and rules out other packages"
    tf: Any = pytest.importorskip("tensorflow", reason=reason)

    class Model(tf.Module):  # type: ignore[misc]
        @tf.function(  # type: ignore[untyped-decorator]
            input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")]
        )
        def total(self, x: Any) -> Any:
            return {"y": tf.reduce_sum(x, axis=1)}

    model = Model()
    tf.saved_model.save(model, str(tmp_path), signatures=model.total)
    predict = load(str(tmp_path))
    assert predict({"instances": [[1, 2], {"x": [3.5, 4]}]}) == {"predictions": [3.0, 7.5]}
    for wrong in ([[1, 2], [1]], [["a", "b"]], [None]):
        with pytest.raises(ValueError, match=r"."):
            predict({"instances": wrong})
