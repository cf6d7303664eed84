"""Input rows in the form in which an output repeats them."""

import json

import pytest

from batchpredict.runtime.results.accounting import bare_request
from batchpredict.runtime.results.echoes import as_echoed, as_texts, echo_form

NOTHING = {"list": False, "names": [], "texts": False}


@pytest.mark.parametrize(
    ("instances", "form"),
    [
        ([], {}),
        (["5"], {}),
        (["{}"], {}),
        (["[1]", "[2]"], {"list": True}),
        (['{"a": 1, "b": "x"}'], {"names": ["a", "b"]}),
        (['{"a": "1"}'], {"names": ["a"], "texts": True}),
        (['{"a": "1", "b": ""}', '{"b": "2", "a": ""}'], {"names": ["a", "b"], "texts": True}),
        (['{"a": "1"}', '{"a": "1", "b": "2"}'], {"texts": True}),
        (['{"a": "1"}', '{"a": 1}'], {"names": ["a"]}),
    ],
)
def test_the_form_is_told_from_some_instances(instances, form):
    assert echo_form(instances) == {**NOTHING, **form}


@pytest.mark.parametrize(
    ("form", "echoed"),
    [
        ({}, {"key": "k", "a": 1, "b": 2.5}),
        ({"list": True}, [1, 2.5]),
        ({"names": ["b"]}, {"b": 2.5}),
        ({"names": ["b", "other"]}, {"key": "k", "a": 1, "b": 2.5}),
        ({"names": ["data"]}, {"data": {"key": "k", "a": 1, "b": 2.5}}),
    ],
)
def test_an_input_row_takes_the_form_of_the_output(form, echoed):
    row = json.dumps({"key": "k", "a": 1, "b": 2.5})
    assert json.loads(as_echoed(row, {**NOTHING, **form}, "key", [])) == echoed


def test_a_list_holds_the_included_fields_in_order():
    row, form = '{"key": 1, "a": 2, "b": 3}', {**NOTHING, "list": True}
    assert as_echoed(row, form, "key", []) == "[2, 3]"
    assert as_echoed(row, form, "key", ["b", "a", "c"]) == "[3, 2, null]"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": "1"}),
        ({"a": 1.0}, {"a": "1"}),
        ({"a": 0.1}, {"a": "0.10"}),
        ({"a": None}, {"a": ""}),
        ({"a": True}, {"a": "true"}),
    ],
)
def test_values_and_their_texts_are_the_same(one, other):
    assert as_texts(json.dumps(one)) == as_texts(json.dumps(other))


@pytest.mark.parametrize("texts", [("007", "7x"), ("1_000", "1000"), ("nan", "NaN"), ("x", "X")])
def test_other_texts_are_not(texts):
    one, other = (as_texts(json.dumps({"a": text})) for text in texts)
    assert one != other


@pytest.mark.parametrize("text", ["no json", "[" * 100_000])
def test_what_is_no_json_stays(text):
    assert as_texts(text) == bare_request(text) == as_echoed(text, NOTHING, "key", []) == text


def test_a_request_goes_without_nulls():
    line = {"request": {"contents": [{"text": "hi", "file_data": None}]}, "other": 1}
    assert json.loads(bare_request(json.dumps(line))) == {"contents": [{"text": "hi"}]}
    assert json.loads(bare_request(json.dumps(line["request"]))) == {"contents": [{"text": "hi"}]}
