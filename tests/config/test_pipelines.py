"""Which pipeline a name stands for, and the parameters of its runs."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchpredict.config.pipelines import find_pipeline, run_parameters
from batchpredict.config.settings import Settings
from batchpredict.errors import UsageError
from batchpredict.pipeline_files import CompiledPipeline, compiled_folder, typed_value

KINDS = {"text": "STRING", "count": "NUMBER_INTEGER", "share": "NUMBER_DOUBLE", "on": "BOOLEAN"}
KINDS |= {"items": "LIST", "options": "STRUCT"}
DECLARED: dict[str, Any] = {
    name: {"parameterType": kind, "isOptional": True} for name, kind in KINDS.items()
}
DECLARED["needed"] = {"parameterType": "STRING"}
PIPELINE = CompiledPipeline(
    "score", Path("score.yaml"), "", {"root": {"inputDefinitions": {"parameters": DECLARED}}}
)


def with_file(**values: Any) -> Settings:
    origins = {f"parameters.score.{key}": f"f.yaml: defaults.{key}" for key in values}
    return Settings(parameters={"score": values}, origins=origins)


def test_the_users_own_go_before_ours(tmp_path: Path) -> None:
    ours = compiled_folder() / "train_and_batch_predict.yaml"
    for name in ("train_and_batch_predict", "mine"):
        (tmp_path / f"{name}.yaml").write_bytes(ours.read_bytes())
    own = Settings(compiled=tmp_path)
    assert find_pipeline("mine", own).path == tmp_path / "mine.yaml"
    assert find_pipeline("train_and_batch_predict", own).path.parent == tmp_path
    assert find_pipeline("train_and_batch_predict", Settings()).path == ours
    assert find_pipeline(str(ours), own).path == ours
    with pytest.raises(UsageError, match=r"E101 .*did you mean 'mine'\?"):
        find_pipeline("mien", own)


def test_a_text_goes_before_the_file() -> None:
    given = with_file(needed="a", count=3, share=1, items=[1], options={"a": None}, on=False)
    found = run_parameters(PIPELINE, given, ["count=4"])
    assert found == {
        "needed": "a", "count": 4, "share": 1.0, "items": [1], "options": {"a": None}, "on": False,
    }  # fmt: skip
    assert isinstance(found["share"], float)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_may_hold_anything_also_equals_signs(value: str) -> None:
    found = run_parameters(PIPELINE, Settings(), [f"needed={value}", f"text=a={value}=b"])
    assert found == {"needed": value, "text": f"a={value}=b"}


def test_everything_wrong_in_the_file_is_said_at_once() -> None:
    given = with_file(needd="a", count="3", on=1, share=float("nan"), items={}, text=None)
    with pytest.raises(UsageError) as raised:
        run_parameters(PIPELINE, given, [])
    assert raised.value.code == "E413"
    parts = raised.value.message.split("; f.yaml")
    assert len(parts) == 6
    assert "defaults.needd: there is no parameter 'needd'; did you mean 'needed'?" in parts[0]
    assert ": defaults.count: takes a whole number such as 3, not '3'" in parts[1]


def test_what_is_missing() -> None:
    with pytest.raises(UsageError, match="E106 score needs needed: add -p needed=…"):
        run_parameters(PIPELINE, with_file(count=3), [])
    with pytest.raises(UsageError, match=r"needed=…, or choose an environment with --env: a, b$"):
        run_parameters(PIPELINE, Settings(environments=("a", "b")), [])
    with pytest.raises(UsageError, match=r"needed=…$"):
        run_parameters(PIPELINE, Settings(environment="a", environments=("a", "b")), [])


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (2**53 + 1, "NUMBER_INTEGER"),
        (True, "NUMBER_INTEGER"),
        (1.0, "NUMBER_INTEGER"),
        (float("inf"), "NUMBER_DOUBLE"),
        (False, "NUMBER_DOUBLE"),
        (0, "BOOLEAN"),
        (1, "STRING"),
        ("\ud800", "STRING"),
        ([float("nan")], "LIST"),
        ({"a": {1}}, "STRUCT"),
        ("x", "TASK_FINAL_STATUS"),
    ],
)
def test_what_no_parameter_can_carry(value: Any, kind: str) -> None:
    with pytest.raises(ValueError, match="takes "):
        typed_value(value, kind)
