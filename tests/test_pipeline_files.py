"""Find a compiled pipeline, and check what a run is given."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from batchpredict.errors import UsageError
from batchpredict.pipeline_files import (
    CompiledPipeline,
    check_required,
    local_files,
    parse_parameters,
    pipeline_names,
    read_pipeline,
    unknown,
)

PIPELINE = """
pipelineInfo: {name: mine}
deploymentSpec: {executors: {}}
root:
  dag: {tasks: {}}
"""


def declared(**kinds: Any) -> CompiledPipeline:
    parameters = {
        name: kind if isinstance(kind, dict) else {"parameterType": kind}
        for name, kind in kinds.items()
    }
    spec = {"root": {"inputDefinitions": {"parameters": parameters}}}
    return CompiledPipeline("mine", Path("mine.yaml"), "", spec)


def refusal(code: str, function: Any, *arguments: Any) -> str:
    with pytest.raises(UsageError) as caught:
        function(*arguments)
    assert caught.value.code == code
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message
    return caught.value.message


def test_the_pipelines_of_the_package_are_found_by_name() -> None:
    assert "train_and_batch_predict" in pipeline_names()
    for name in pipeline_names():
        pipeline = read_pipeline(name)
        assert pipeline.name == name.replace("_", "-")
        assert pipeline.text == pipeline.path.read_text()
        assert pipeline.parameters


def test_a_misspelt_pipeline_is_refused_with_the_one_that_was_meant() -> None:
    message = refusal("E101", read_pipeline, "train_and_batch_predic")
    assert "did you mean 'train_and_batch_predict'?" in message


@pytest.mark.parametrize("name", ["../pyproject", "/etc/passwd", "", "__init__"])
def test_a_name_is_no_path(name: str) -> None:
    message = refusal("E101", read_pipeline, name)
    assert f"there is no pipeline {name!r}" in message


@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_a_file_is_read_as_it_is(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_text(PIPELINE + "---\nplatforms: {}\n")
    pipeline = read_pipeline(str(path))
    assert (pipeline.name, pipeline.path, pipeline.text) == ("mine", path, path.read_text())
    assert pipeline.parameters == {}


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert "none.yaml" in refusal("E102", read_pipeline, str(tmp_path / "none.yaml"))
    (tmp_path / "folder.yaml").mkdir()
    refusal("E102", read_pipeline, str(tmp_path / "folder.yaml"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    refusal("E102", read_pipeline, str(tmp_path / "binary.yaml"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just text",
        "- a\n- b",
        "root: {}",
        "{root: {}, pipelineInfo: {}, deploymentSpec: x}",
        "{unclosed: ",
        "a: b: c",
        "\x00",
        "? [a]\n: x",
        "? {a: b}\n: x",
        PIPELINE + "x: !!python/object/apply:os.system ['touch /tmp/pwned']\n",
        PIPELINE + "x: !!python/name:os.system\n",
        PIPELINE + "x: !mine {}\n",
        PIPELINE + "x: 2026-13-01\n",
    ],
)
def test_a_file_that_is_no_pipeline_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    assert str(path) in refusal("E102", read_pipeline, str(path))


def bomb() -> str:
    levels = ["x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    levels += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 10)]
    return PIPELINE + "\n".join(levels)


@pytest.mark.parametrize(
    "text",
    [bomb(), PIPELINE + "a: &a {b: *a}\n", PIPELINE + "a: &a [1]\nb: *a\n"],
    ids=["bomb", "cycle", "one"],
)
def test_aliases_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    assert "alias" in refusal("E102", read_pipeline, str(path))


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000])
def test_a_deeply_nested_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    code = """
    import sys
    from batchpredict.errors import UsageError
    from batchpredict.pipeline_files import read_pipeline
    try:
        read_pipeline(sys.argv[1])
    except UsageError as error:
        print(error.code)
    """
    run = subprocess.run(  # the parser is written in C: it could end the process
        [sys.executable, "-c", textwrap.dedent(code), str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout == "E102\n", run.stderr[-500:]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("STRING", "", ""),
        ("STRING", "a=b=c", "a=b=c"),
        ("STRING", " 1 ", " 1 "),
        ("NUMBER_INTEGER", "3", 3),
        ("NUMBER_INTEGER", "-3", -3),
        ("NUMBER_DOUBLE", "3", 3.0),
        ("NUMBER_DOUBLE", "1e-3", 0.001),
        ("BOOLEAN", "true", True),
        ("BOOLEAN", "False", False),
        ("LIST", '["a", 1, null]', ["a", 1, None]),
        ("LIST", "[]", []),
        ("STRUCT", '{"a": {"b": [1]}}', {"a": {"b": [1]}}),
    ],
)
def test_a_value_gets_its_declared_type(kind: str, text: str, value: Any) -> None:
    found = parse_parameters(declared(x=kind), [f"x={text}"])
    assert found == {"x": value}
    assert type(found["x"]) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("NUMBER_INTEGER", ""),
        ("NUMBER_INTEGER", "3.0"),
        ("NUMBER_INTEGER", "three"),
        ("NUMBER_INTEGER", "9" * 5000),
        ("NUMBER_DOUBLE", "nan"),
        ("NUMBER_DOUBLE", "-inf"),
        ("NUMBER_DOUBLE", "1e999"),
        ("NUMBER_DOUBLE", "0,5"),
        ("BOOLEAN", "yes"),
        ("BOOLEAN", "1"),
        ("BOOLEAN", ""),
        ("LIST", '{"a": 1}'),
        ("LIST", "a,b"),
        ("LIST", '"text"'),
        ("LIST", "[1, NaN]"),
        ("LIST", "[1e999]"),
        ("LIST", "[" * 100_000),
        ("STRUCT", "[]"),
        ("STRUCT", "null"),
        ("STRUCT", "{a: 1}"),
        ("STRUCT", '{"a": -Infinity}'),
    ],
)
def test_a_value_of_another_type_is_refused(kind: str, text: str) -> None:
    message = refusal("E105", parse_parameters, declared(x=kind), [f"x={text}"])
    assert "'x'" in message
    assert len(message) < 500


def test_a_type_that_the_command_cannot_read_is_refused() -> None:
    kind = "TASK_FINAL_STATUS"
    assert kind.lower() in refusal("E105", parse_parameters, declared(x=kind), ["x=1"])


def test_an_assignment_without_a_sign_is_refused() -> None:
    assert "'x'" in refusal("E103", parse_parameters, declared(x="STRING"), ["x"])


def test_an_unknown_parameter_is_refused_with_the_one_that_was_meant() -> None:
    pipeline = declared(dataset_uri="STRING", seed="NUMBER_INTEGER")
    message = refusal("E104", parse_parameters, pipeline, ["dataset_url=x"])
    assert "did you mean 'dataset_uri'?" in message
    assert "There are: dataset_uri, seed" in message


def test_a_parameter_without_a_default_is_required() -> None:
    pipeline = declared(
        a="STRING",
        b={"parameterType": "STRING", "defaultValue": ""},
        c={"parameterType": "STRING", "isOptional": True},
        d="STRING",
    )
    message = refusal("E106", parse_parameters, pipeline, [])
    assert "mine needs a, d: add -p a=… -p d=…" in message
    check_required(pipeline, {"a": "", "d": ""})


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="E103 parameter 'x' is given twice"):
        parse_parameters(declared(x="STRING"), ["x=1", "x=2"])


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("NUMBER_INTEGER", "9007199254740993"),
        ("NUMBER_INTEGER", "9" * 400),
        ("LIST", "[9007199254740993]"),
        ("LIST", '["\\ud800"]'),
        ("STRUCT", '{"\\ud800": 1}'),
        ("LIST", "[" * 120 + "]" * 120),
        ("STRING", "\udcff"),
    ],
)
def test_what_would_reach_the_step_changed_is_refused(kind: str, text: str) -> None:
    with pytest.raises(UsageError, match="E105 parameter 'x'"):
        parse_parameters(declared(x=kind), [f"x={text}"])


@pytest.mark.parametrize("value", ["x" * 300, "~nosuchuser/x.csv", "a\0b", "/", "no.csv"])
def test_a_path_that_cannot_be_read_is_named(value: str) -> None:
    with pytest.raises(UsageError, match="E107 parameter 'data_uri'"):
        local_files({"data_uri": value})


def test_uris_and_other_parameters_are_no_files() -> None:
    assert local_files({"data_uri": "gs://b/x", "name": "no.csv", "other_uri": ""}) == {}


@pytest.mark.parametrize(
    "inputs", ["[1]", "{parameters: [a]}", "{parameters: {a: 3}}", "{parameters: {a: {}}}"]
)
def test_a_declaration_that_kfp_does_not_write_is_refused(tmp_path: Path, inputs: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(
        f"root: {{inputDefinitions: {inputs}}}\npipelineInfo: {{name: a}}\ndeploymentSpec: {{}}\n"
    )
    with pytest.raises(UsageError, match=r"E102 .*not a compiled pipeline"):
        read_pipeline(str(path))


def test_what_is_far_from_everything_gets_no_hint() -> None:
    assert unknown("parameter", "zzz", ["abc"]) == "there is no parameter 'zzz'. There are: abc"
    assert unknown("parameter", "zzz", []).endswith("There are: none")
