"""Placeholders are resolved once; what comes out of one is never looked at again."""

import json
from typing import Any

import pytest

from batchpredict.local.pipelines.placeholders import (
    plain_numbers,
    resolve_command,
    resolve_constant,
)

CONSTANTS = {".pipeline_job_name": "job-1", ".pipeline_google_cloud_project_id": "my-project"}
HOSTILE = "{{$.inputs.parameters['other']}}{{$.pipeline_job_name}}"
INPUT: dict[str, Any] = {
    "inputs": {
        "parameterValues": {
            "text": "some text",
            "number": 3,
            "share": 0.5,
            "flag": False,
            "list": [1, "ü"],
            "hostile": HOSTILE,
            "other": "SECRET",
            "empty": "",
            "none": None,
        },
        "artifacts": {
            "model": {
                "artifacts": [
                    {
                        "name": "m",
                        "uri": "gs://b/m",
                        "metadata": {"resourceName": "models/1", "deep": {"er": [1]}},
                    }
                ]
            },
            "nothing": {"artifacts": []},
        },
    },
    "outputs": {
        "outputFile": "/gcs/b/executor_output.json",
        "parameters": {"score": {"outputFile": "/gcs/b/score"}},
        "artifacts": {"data": {"artifacts": [{"uri": "gs://b/data"}]}},
    },
}


def resolve(*command: str) -> list[str]:
    return resolve_command(command, INPUT, CONSTANTS)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain $ {{ }} {{$x}}", "plain $ {{ }} {{$x}}"),
        ("{{$.inputs.parameters['text']}}", "some text"),
        ('{{$.inputs.parameters["text"]}}', "some text"),
        ("a-{{$.inputs.parameters['number']}}-b", "a-3-b"),
        ("{{$.inputs.parameters['share']}}", "0.5"),
        ("{{$.inputs.parameters['flag']}}", "false"),
        ("{{$.inputs.parameters['list']}}", '[1, "ü"]'),
        ("{{$.inputs.artifacts['model'].uri}}", "gs://b/m"),
        ("{{$.inputs.artifacts['model'].path}}", "/gcs/b/m"),
        ("{{$.inputs.artifacts['model'].metadata['resourceName']}}", "models/1"),
        ("{{$.inputs.artifacts['model'].metadata['deep']['er']}}", "[1]"),
        ("{{$.outputs.artifacts['data'].uri}}", "gs://b/data"),
        ("{{$.outputs.artifacts['data'].path}}", "/gcs/b/data"),
        ("{{$.outputs.parameters['score'].output_file}}", "/gcs/b/score"),
        ("{{$.outputs.output_file}}", "/gcs/b/executor_output.json"),
        ("{{$.pipeline_job_name}}/x", "job-1/x"),
    ],
)
def test_a_placeholder_is_resolved(text: str, wanted: str) -> None:
    assert resolve(text) == [wanted]


def test_the_whole_executor_input_is_json() -> None:
    assert json.loads(resolve("{{$}}")[0]) == INPUT


def test_a_path_begins_where_the_step_finds_the_store() -> None:
    item = "{{$.inputs.artifacts['model'].path}}"
    assert resolve_command([item], INPUT, CONSTANTS, r"/home/\1/") == [r"/home/\1/b/m"]


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_json_escape_makes_it_part_of_a_string(depth: int) -> None:
    text = resolve(f"{{{{$.json_escape[{depth}]}}}}")[0]
    for _ in range(depth):
        text = json.loads(f'"{text}"')
    assert json.loads(text) == INPUT


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_parameter_is_escaped_too(depth: int) -> None:
    inputs = {"inputs": {"parameterValues": {"p": 'say "x"\n\\'}}}
    item = f"{{{{$.inputs.parameters['p'].json_escape[{depth}]}}}}"
    [text] = resolve_command([item], inputs, {})
    for _ in range(depth):
        text = json.loads(f'"{text}"')
    assert text == inputs["inputs"]["parameterValues"]["p"]


def test_what_a_value_holds_is_passed_on_as_it_is() -> None:
    assert resolve("{{$.inputs.parameters['hostile']}}") == [HOSTILE]
    assert resolve("x{{$.inputs.parameters['hostile']}}{{$.pipeline_job_name}}") == [
        f"x{HOSTILE}job-1"
    ]
    concat = {"Concat": ["{{$.inputs.parameters['hostile']}}", "{{$.pipeline_job_name}}"]}
    assert resolve(json.dumps(concat)) == [f"{HOSTILE}job-1"]
    assert resolve_constant("<{{$.inputs.parameters['hostile']}}>", {"hostile": HOSTILE}, {}) == (
        f"<{HOSTILE}>"
    )


@pytest.mark.parametrize(
    ("item", "wanted"),
    [
        ({"Concat": ["--x=", "{{$.inputs.parameters['number']}}", "!"]}, ["--x=3!"]),
        ({"Concat": []}, [""]),
        ({"IfPresent": {"InputName": "text", "Then": "yes"}}, ["yes"]),
        ({"IfPresent": {"InputName": "missing", "Then": "yes"}}, []),
        ({"IfPresent": {"InputName": "none", "Then": "yes", "Else": "no"}}, ["no"]),
        ({"IfPresent": {"InputName": "empty", "Then": "yes"}}, ["yes"]),
        ({"IfPresent": {"InputName": "flag", "Then": "yes"}}, ["yes"]),
        ({"IfPresent": {"InputName": "model", "Then": ["-m", "{{$.pipeline_job_name}}"]}},
         ["-m", "job-1"]),
        (
            {
                "Concat": [
                    "a",
                    {"IfPresent": {"InputName": "missing", "Then": "b"}},
                    {
                        "IfPresent": {
                            "InputName": "text",
                            "Then": {"Concat": ["c", "{{$.inputs.parameters['text']}}"]},
                        }
                    },
                ]
            },
            ["acsome text"],
        ),
    ],
)  # fmt: skip
def test_a_structured_placeholder(item: Any, wanted: list[str]) -> None:
    assert resolve("first", json.dumps(item), "last") == ["first", *wanted, "last"]


@pytest.mark.parametrize(
    "text",
    [
        "{{$.nonsense}}",
        "{{$.pipeline_root}}",
        "{{$.inputs.nonsense['x']}}",
        "{{$.json_escape[x]}}",
        "{{$.outputs.parameters['nope'].output_file}}",
        "{{$.outputs.artifacts['nope'].uri}}",
        "{{$.inputs.artifacts['model'].nope}}",
        "{{$.inputs.parameters['text'].nope}}",
        "{{$.inputs.artifacts['model'].metadata.x}}",
    ],
)
def test_an_unknown_placeholder_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="E343"):
        resolve(text)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("{{$.inputs.parameters['n']}}", 7),
        ("{{$.inputs.parameters['l']}}", [1, {"a": None}]),
        ("n is {{$.inputs.parameters['n']}}", "n is 7"),
        ("{{$.pipeline_google_cloud_project_id}}", "my-project"),
        (["{{$.inputs.parameters['n']}}", "x"], [7, "x"]),
        ({"k": {"n": "<{{$.pipeline_job_name}}>"}}, {"k": {"n": "<job-1>"}}),
        (3, 3),
        (None, None),
        (True, True),
    ],
)
def test_a_constant_of_a_task(value: Any, wanted: Any) -> None:
    parameters = {"n": 7, "l": [1, {"a": None}]}
    assert resolve_constant(value, parameters, CONSTANTS) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (10.0, "10"),
        (-0.5, "-0.5"),
        (1e300, str(int(1e300))),
        (True, "True"),
        ("1.0", "'1.0'"),
        ([1.0, [2.0, "x"]], "[1, [2, 'x']]"),
        ({"a": 1.0, "b": {"c": 0.25}}, "{'a': 1, 'b': {'c': 0.25}}"),
        (float("inf"), "inf"),
        (None, "None"),
    ],
)
def test_whole_numbers_are_integers(value: Any, wanted: str) -> None:
    assert repr(plain_numbers(value)) == wanted


def test_texts_of_the_pipeline_may_hold_the_executor_input_of_their_task() -> None:
    """So does Google's component for custom jobs; a value that came in is never resolved."""
    pools = resolve_constant([{"args": ["{{$.json_escape[1]}}"]}], {}, {})
    values = {"pools": pools, "given": ["{{$.json_escape[1]}}", "{{$}}"]}
    executor_input = {"inputs": {"parameterValues": values}}
    command = [
        "{{$.inputs.parameters['pools']}}",
        "{{$.inputs.parameters['given']}}",
    ]
    resolved, kept = resolve_command(command, executor_input, {})
    assert json.loads(json.loads(resolved)[0]["args"][0]) == executor_input
    assert json.loads(kept) == values["given"]
