"""What a batch prediction job makes of the replies of a model server."""

import ast
import json
from typing import Any

import pytest

from batchpredict.local.vertex.batch.prediction import Outcome, _predictions, check_outcome
from batchpredict.local.vertex.errors import ServiceError

START = "Post request fails. Cannot get predictions. Error:"


@pytest.mark.parametrize("values", [[0, False], ["", None], [[], {"a": 1}], [1.5, "x"]])
def test_any_json_value_is_a_prediction(values: list[Any]) -> None:
    assert _predictions(200, json.dumps({"predictions": values}).encode(), 2) == values


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (500, b'{"detail": "it\'s \xff"}', 'Non-OK result 500 ({"detail": "it\'s \ufffd"}) from'),
        (404, b"", "Non-OK result 404 () from server."),
        (200, b"<html>", "not an object with predictions (<html>)"),
        (200, b"[]", "not an object with predictions"),
        (200, b'{"prediction": []}', "not an object with predictions"),
        (200, b'{"predictions": 3}', "does not hold 2 predictions"),
        (200, b'{"predictions": [1]}', "does not hold 2 predictions"),
        (200, b'{"predictions": [1, 2, 3]}', "does not hold 2 predictions"),
        (200, b'{"predictions": {"a": 1, "b": 2}}', "does not hold 2 predictions"),
    ],
)
def test_any_other_reply_is_a_failure(status: int, content: bytes, words: str) -> None:
    found = _predictions(status, content, 2)
    assert isinstance(found, str)
    assert found.startswith(START)
    assert words in found
    line = repr((found, 2))
    assert ast.literal_eval(line) == (found, 2)
    assert "\n" not in line


def test_one_success_is_enough_and_none_is_not() -> None:
    check_outcome(Outcome(succeeded=1, failed=99))
    with pytest.raises(ServiceError, match="no instances"):
        check_outcome(Outcome())
