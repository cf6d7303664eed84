"""YAML, TOML and JSON say the same, and precedence is that of a small oracle."""

import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchpredict.config.loading import load_settings
from batchpredict.config.reading import read_file
from batchpredict.config.settings import SCALARS, Settings

quiet = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
KEYS = ("project", "location", "pipeline_root", "service_account")
VALUES = {
    "project": st.from_regex(r"[a-z][a-z0-9-]{4,20}", fullmatch=True),
    "location": st.sampled_from(["us-central1", "europe-west4", "asia-northeast1"]),
    "pipeline_root": st.from_regex(r"gs://[a-z]{3,10}(/[a-z0-9]{1,8}){0,2}", fullmatch=True),
    "service_account": st.from_regex(r"[a-z]{3,9}@[a-z]{3,9}\.iam", fullmatch=True),
}
names = st.text(string.ascii_letters + string.digits + "_-.", min_size=1, max_size=12)
texts = st.text(
    st.characters(exclude_categories=["C"], exclude_characters="\u2028\u2029\u0085\ufeff"),
    max_size=20,
)
plain = texts | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9)
values = st.recursive(
    plain,
    lambda it: st.lists(it, max_size=3) | st.dictionaries(names, it, max_size=3),
    max_leaves=6,
)
labels = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True),
    st.from_regex(r"[a-z0-9_-]{0,8}", fullmatch=True),
    max_size=3,
)
environment = st.fixed_dictionaries(
    {},
    optional={
        **VALUES,
        "labels": labels,
        "enable_caching": st.booleans(),
        "failure_policy": st.sampled_from(["slow", "fast"]),
        "parameters": st.dictionaries(
            names, st.dictionaries(names, values, max_size=3), max_size=2
        ),
    },
)
contents = st.fixed_dictionaries(
    {},
    optional={
        "compiled": st.sampled_from(["compiled", "out"]),
        "defaults": environment,
        "environments": st.fixed_dictionaries(
            {"dev": environment}, optional={"prod": environment}
        ),
    },
)


def as_toml(value: Any) -> str:
    """Return a document in TOML, all of it in lines of ``key = value``."""
    return "\n".join(f"{_quoted(key)} = {_inline(item)}" for key, item in value.items())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(k)} = {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def as_yaml(value: Any) -> str:
    class WithoutAliases(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    return yaml.dump(value, Dumper=WithoutAliases, allow_unicode=True)


WRITERS: dict[str, Callable[[Any], str]] = {
    "yaml": as_yaml,
    "yml": as_yaml,
    "toml": as_toml,
    "json": json.dumps,
}


def written(folder: Path, form: str, content: Any) -> Path:
    path = folder / f"batchpredict.{form}"
    path.write_text(WRITERS[form](content), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SCALARS, "env", "config"):
        monkeypatch.delenv(f"BATCHPREDICT_{name.upper()}", raising=False)


def without_file(found: Settings) -> dict[str, Any]:
    """Return settings with the name of their file taken out."""
    origins = {key: place.partition(": ")[2] for key, place in found.origins.items()}
    return {**vars(found), "file": None, "origins": origins}


@quiet
@given(content=contents)
def test_the_three_forms_give_the_same_settings(tmp_path: Path, content: dict[str, Any]) -> None:
    chosen = "dev" if "environments" in content else None
    found = []
    for form in ("yaml", "toml", "json"):
        path = written(tmp_path, form, content)
        assert read_file(path) == content
        found.append(load_settings(chosen, path, {}))
    assert without_file(found[0]) == without_file(found[1]) == without_file(found[2])


layers = st.fixed_dictionaries({}, optional=VALUES)


@quiet
@given(flags=layers, variables=layers, chosen=layers, defaults=layers)
def test_a_flag_goes_before_a_variable_before_the_file(
    tmp_path: Path,
    flags: dict[str, str],
    variables: dict[str, str],
    chosen: dict[str, str],
    defaults: dict[str, str],
) -> None:
    path = written(tmp_path, "yaml", {"defaults": defaults, "environments": {"dev": chosen}})
    with pytest.MonkeyPatch.context() as patch:
        for key, value in variables.items():
            patch.setenv(f"BATCHPREDICT_{key.upper()}", value)
        found = load_settings("dev", path, {**dict.fromkeys(KEYS), **flags})
    for key in KEYS:
        expected = {**defaults, **chosen, **variables, **flags}.get(key, "")
        origin = "default"
        for layer, place in (
            (defaults, f"{path}: defaults.{key}"),
            (chosen, f"{path}: environments.dev.{key}"),
            (variables, f"BATCHPREDICT_{key.upper()}"),
            (flags, f"flag --{key.replace('_', '-')}"),
        ):
            origin = place if key in layer else origin
        assert (getattr(found, key), found.origin(key)) == (expected, origin)


def test_labels_and_parameters_are_merged_one_by_one(tmp_path: Path) -> None:
    content = {
        "defaults": {"labels": {"a": "1", "b": "1"}, "parameters": {"p": {"x": 1, "y": 1}}},
        "environments": {
            "dev": {"labels": {"b": "2"}, "parameters": {"p": {"y": 2}, "q": {"z": 3}}}
        },
    }
    found = load_settings("dev", written(tmp_path, "json", content), {})
    assert found.labels == {"a": "1", "b": "2"}
    assert found.parameters_of("p") == {"x": 1, "y": 2}
    assert found.parameters_of("q") == {"z": 3}
    assert found.origin("parameters.p.x").endswith(": defaults.parameters.p.x")
    assert found.origin("parameters.p.y").endswith(": environments.dev.parameters.p.y")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("yaml", "defaults: {parameters: {p: {run_date: 2026-01-31}}}"),
        ("toml", "defaults.parameters.p.run_date = 2026-01-31"),
        ("json", '{"defaults": {"parameters": {"p": {"run_date": "2026-01-31"}}}}'),
    ],
)
def test_a_date_is_a_text(tmp_path: Path, form: str, text: str) -> None:
    path = tmp_path / f"batchpredict.{form}"
    path.write_text(text)
    assert load_settings(None, path, {}).parameters_of("p") == {"run_date": "2026-01-31"}
