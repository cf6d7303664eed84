"""The launchers that run are Google's own, file by file and function by function."""

# mypy: disallow-untyped-decorators=False

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from batchpredict.local.session import LocalVertex

PROBE = '''
import ast, base64, hashlib, inspect, json, sys, types
from importlib.metadata import distribution

DISTRIBUTION = "google-cloud-pipeline-components"
PACKAGE = DISTRIBUTION.replace("-", "_")
NAMES = sorted(name for name in sys.modules if name.split(".")[0] == PACKAGE)


def functions(code, owner):
    """Yield each function that the code of a module or class defines, and what stands there."""
    for inner in code.co_consts:
        if not isinstance(inner, types.CodeType) or inner.co_name.startswith("<"):
            continue
        found = vars(owner).get(inner.co_name)
        if isinstance(found, type):
            yield from functions(inner, found)
        else:
            yield inner, found


def code_of(found):
    if isinstance(found, property):
        found = found.fget
    found = getattr(found, "__func__", found)
    return getattr(inspect.unwrap(found), "__code__", None) if callable(found) else None


def constants(tree, module):
    """Yield the name of each plain constant that has another value than in the file."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                continue
            if vars(module).get(node.targets[0].id) != value:
                yield node.targets[0].id


files = {str(it.locate()): it.hash for it in distribution(DISTRIBUTION).files}
faults, checked = [], 0
for name in NAMES:
    module = sys.modules[name]
    path = module.__file__
    source = open(path, "rb").read()
    digest = base64.urlsafe_b64encode(hashlib.sha256(source).digest()).rstrip(b"=").decode()
    if files[path].mode != "sha256" or files[path].value != digest:
        faults.append(f"{path} is not the file of the wheel")
    for fresh, found in functions(compile(source, path, "exec"), module):
        checked += 1
        if code_of(found) != fresh:
            faults.append(f"{name}.{fresh.co_qualname} is not what the file says")
    faults += [f"{name}.{it} has another value" for it in constants(ast.parse(source), module)]
report = json.dumps({"modules": NAMES, "functions": checked, "faults": faults})
'''
UPLOAD = "google_cloud_pipeline_components.container.v1.model.upload_model.remote_runner"
POLLS = "google_cloud_pipeline_components.container.v1.gcp_launcher.lro_remote_runner"


@dsl.container_component
def probe(code: str, data: dsl.Output[dsl.Artifact]):  # type: ignore[no-untyped-def]
    return dsl.ContainerSpec(
        image="python:3.11-slim", command=["python3", "-c"], args=[code, data.path]
    )


@dsl.pipeline(name="probe")
def pipeline(code: str) -> None:
    probe(code=code)


def test_what_a_warm_step_has_loaded_is_google_s_own(
    run_pipeline: Callable[..., Any], vertex: LocalVertex
) -> None:
    job = run_pipeline(pipeline, code=f"{PROBE}\nopen(sys.argv[1], 'w').write(report)\n")
    assert job.state.name == "PIPELINE_STATE_SUCCEEDED", job.error.message
    uri = job.job_detail.task_details[0].outputs["data"].artifacts[0].uri
    report = json.loads(Path(vertex.store.path(uri)).read_text())
    assert report["faults"] == []
    if vertex.sandbox.warm:
        assert UPLOAD in report["modules"]
        assert report["functions"] > 30


@pytest.mark.parametrize(
    ("patch", "fault"),
    [
        ("", None),
        ("module.upload_model = lambda *_: None", "upload_model is not what the file says"),
        ("polls.LroRemoteRunner.poll_lro = print", "poll_lro is not what the file says"),
        ("polls._POLLING_INTERVAL_IN_SECONDS = 1", "_SECONDS has another value"),
    ],
)
def test_the_probe_finds_a_patch(patch: str, fault: str | None) -> None:
    code = f"import {UPLOAD} as module, {POLLS} as polls\n{patch}\n{PROBE}\nprint(report)\n"
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    faults = json.loads(run.stdout.splitlines()[-1])["faults"]
    assert len(faults) == (fault is not None)
    assert fault is None or faults[0].endswith(fault)
