"""Bad input gets one clear line, the right exit code, and nothing is lost."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import COMMAND, ROOT, command, run_command

PENGUINS = ROOT / "examples" / "penguins.csv"


def error_lines(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if line.startswith("Error:")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], ["Missing argument 'PIPELINE'"]),
        (["rnu"], ["no command 'rnu'", "did you mean 'run'"]),
        (["run", "train_and_batch"], ["E101", "did you mean 'train_and_batch_predict'"]),
        (["run", "nothing.yaml"], ["E102", "nothing.yaml"]),
        (["run", "train_and_batch_predict", "-p", "dataset_uri"], ["E103", "name=value"]),
        (
            ["run", "train_and_batch_predict", "-p", "dataset_url=x"],
            ["E104", "did you mean 'dataset_uri'"],
        ),
        (
            ["run", "train_and_batch_predict", "-p", "seed=three"],
            ["E105", "'seed'", "whole number", "'three'"],
        ),
        (
            ["run", "train_and_batch_predict", "-p", "hyperparameters=[1]"],
            ["E105", "'hyperparameters'", "JSON object"],
        ),
        (
            ["run", "train_and_batch_predict", "-p", "dataset_uri=gs://b/x.csv"],
            ["E106", "target_column"],
        ),
        (
            [
                "run",
                "train_and_batch_predict",
                "-p",
                "dataset_uri=no.csv",
                "-p",
                "target_column=a",
            ],
            ["E107", "no.csv"],
        ),
    ],
)
def test_wrong_usage_is_refused_before_anything_starts(
    tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    [line] = error_lines(done.stderr)
    assert all(word in line for word in words), line
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = run_command(
        tmp_path / "file" / "home", "-p", f"dataset_uri={PENGUINS}", "-p", "target_column=species"
    )
    assert run.exit_code == 3
    [line] = error_lines(run.stderr)
    assert "E301" in line
    assert "--home" in line


BAD_DATA = {
    "empty": ("", "species", "E202"),
    "header only": ("a,species\n", "species", "E202"),
    "no target": ("a,b\n1,2\n3,4\n", "species", "E203"),
    "one class": ("a,species\n1,x\n2,x\n3,x\n4,x\n", "species", "E204"),
    "column without values": ("a,b,species\n1,,x\n2,NA,y\n3,,x\n4,,y\n", "species", "E205"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_is_named_in_one_line(tmp_path: Path, name: str) -> None:
    content, target, code = BAD_DATA[name]
    dataset = tmp_path / "table.csv"
    dataset.write_text(content)
    run = run_command(
        tmp_path / "home", "-p", f"dataset_uri={dataset}", "-p", f"target_column={target}"
    )
    assert run.exit_code == 1
    [line] = error_lines(run.stderr)
    assert f"E110 split-dataset: {code} " in line
    log = Path(line.partition("log: ")[2].rstrip(")"))
    assert code in log.read_text()
    assert f"last 20 lines of {log}" in run.stderr
    assert "PASS=1 FAIL=1 SKIP=7" in run.stdout
    assert dataset.read_text() == content


def test_a_dataset_that_is_not_in_the_bucket(tmp_path: Path) -> None:
    run = run_command(
        tmp_path / "home", "-p", "dataset_uri=gs://bucket/table.csv", "-p", "target_column=a"
    )
    assert run.exit_code == 1
    [line] = error_lines(run.stderr)
    assert "E201" in line


STEPS = """
from kfp import compiler, dsl

from batchpredict import images
from batchpredict.components.batch_predict import batch_predict
from batchpredict.components.upload_model import upload_model
from batchpredict.images import SKLEARN_SERVING


@dsl.component(base_image=images.PYTHON)
def raises(text: str):
    raise LookupError(text)


@dsl.component(base_image=images.PYTHON, packages_to_install=[images.SCIKIT_LEARN, images.JOBLIB])
def write_model(written: str, model: dsl.Output[dsl.Model], rows: dsl.Output[dsl.Dataset]) -> list:
    import os
    import joblib
    from sklearn.dummy import DummyClassifier

    os.makedirs(model.path)
    path = os.path.join(model.path, "model.joblib")
    joblib.dump(DummyClassifier().fit([[0.0], [1.0]], ["a", "b"]), path)
    with open(path, "rb") as file:
        content = file.read()
    if written == "garbage":
        content = b"no model"
    with open(path, "wb") as file:
        file.write(content.replace(b"1.6.1", written.encode()))
    with open(rows.path, "w") as file:
        file.write("[1.0]")
    return [rows.uri]


@dsl.pipeline(name="raises-in-a-step")
def raising():
    raises(text="the cat ate it")


@dsl.pipeline(name="model-that-does-not-load")
def unloadable(written: str):
    model = write_model(written=written)
    uploaded = upload_model(
        model=model.outputs["model"], display_name="m", serving_container_image_uri=SKLEARN_SERVING
    )
    batch_predict(
        job_display_name="j",
        model=uploaded.outputs["model"],
        gcs_source_uris=model.outputs["Output"],
        gcs_destination_output_uri_prefix="gs://local-pipelines/out",
        machine_type="n1-standard-2",
    )


compiler.Compiler().compile(raising, "raising.yaml")
compiler.Compiler().compile(unloadable, "unloadable.yaml")
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with compiled pipelines that fail."""
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "steps.py").write_text(STEPS)
    subprocess.run([sys.executable, "-W", "ignore", "steps.py"], cwd=folder, check=True)
    return folder


def test_a_step_that_raises_is_quoted(faulty: Path, tmp_path: Path) -> None:
    run = run_command(tmp_path / "home", pipeline=str(faulty / "raising.yaml"))
    assert run.exit_code == 1
    [line] = error_lines(run.stderr)
    assert "E110 raises: LookupError: the cat ate it (exit code 1, log: " in line
    assert "FAIL" in run.stderr


def test_a_model_of_another_version_is_refused_with_both_versions(
    faulty: Path, tmp_path: Path
) -> None:
    run = run_command(
        tmp_path / "home", "-p", "written=1.9.1", pipeline=str(faulty / "unloadable.yaml")
    )
    assert run.exit_code == 1
    [line] = error_lines(run.stderr)
    assert "upload-model/check-model: E256 " in line
    assert "scikit-learn 1.9.1" in line
    assert "loads it with 1.6" in line


def test_a_model_that_the_server_cannot_load(faulty: Path, tmp_path: Path) -> None:
    """Google's launcher says only "error state: 5"; the job's own words stand behind it."""
    run = run_command(
        tmp_path / "home", "-p", "written=garbage", pipeline=str(faulty / "unloadable.yaml")
    )
    assert run.exit_code == 1
    [line] = error_lines(run.stderr)
    assert "batch-predict/model-batch-predict: " in line
    assert "E333 " in line
    assert "scikit-learn 1.6.1" in line


@pytest.mark.parametrize("size", ["200k", "600k"])
def test_a_full_disk(tmp_path: Path, size: str) -> None:
    if not can_mount():
        pytest.skip("this user may not mount a file system in a namespace")
    mount = [
        "unshare", "--user", "--map-root-user", "--mount",
        sys.executable, "-c",
        "import os, subprocess, sys\n"
        "size, place = f'size={sys.argv[1]}', sys.argv[2]\n"
        "subprocess.run(['mount', '-t', 'tmpfs', '-o', size, 'none', place], check=True)\n"
        "os.execv(sys.argv[3], sys.argv[3:])",
        size, str(tmp_path),
    ]  # fmt: skip
    done = subprocess.run(
        [
            *mount, *COMMAND, "run", "train_and_batch_predict", "--home", str(tmp_path / "home"),
            "-p", f"dataset_uri={PENGUINS}", "-p", "target_column=species",
        ],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    [line] = error_lines(done.stderr)
    assert "E303" in line
    assert "full" in line
    assert PENGUINS.stat().st_size == 15241


def can_mount() -> bool:
    if shutil.which("unshare") is None or os.name != "posix":
        return False
    probe = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "mount",
        "-t",
        "tmpfs",
        "none",
        "/mnt",
    ]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0
