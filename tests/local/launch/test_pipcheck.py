"""The stand-in for pip answers from what is installed."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from batchpredict.local.launch import pipcheck
from batchpredict.local.launch.plan import PIP_CHECK, PythonCommand, Settings, parse, plan

KFP = version("kfp")
SKLEARN = version("scikit-learn")


@pytest.mark.parametrize(
    "words",
    [
        ["install", f"kfp=={KFP}"],
        ["--quiet", "--proxy", "install", "install", "kfp"],
        ["install", "--no-deps", "typing-extensions>=9,<10; python_version<'3.9'", "KFP"],
        ["install", "-i", "https://example.com/simple", "--index-url=x", "-q", "kfp>=2"],
        ["install", "--trusted-host", "absent==1", "-fhttps://x", "--upgrade", "kfp"],
        ["install", "google-cloud-aiplatform[prediction]>=1.165"],
        ["install", f"kfp @ https://example.com/kfp-{KFP}-py3-none-any.whl#sha256=00"],
    ],
)
def test_satisfied(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert pipcheck.main(words) == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["scikit-learn==1.5.0"], f"scikit-learn==1.5.0, this environment has {SKLEARN}"),
        (["absent-package>=2"], "absent-package>=2, this environment does not have it"),
        (
            ["a-b-c", "kfp==0.1"],
            f"a-b-c, this environment does not have it; kfp==0.1, this environment has {KFP}",
        ),
        (["absent; python_version>='3.8'"], "absent, this environment does not have it"),
        (
            ["kfp @ https://x/kfp-0.1-py3-none-any.whl"],
            f"kfp from https://x/kfp-0.1-py3-none-any.whl, this environment has {KFP}",
        ),
        (["./folder"], "./folder, which cannot be checked here"),
        (["-e", "."], "-e ., which cannot be checked here"),
        (["--no-deps"], "a package, but names none"),
        (["-r", "absent.txt"], "the packages of absent.txt: No such file or directory"),
    ],
)
def test_not_satisfied(words: list[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert pipcheck.main(["install", *words]) == 1
    assert capfd.readouterr() == ("", f"E321 the step needs {message}\n")


def test_missing_dependency_of_an_extra(capfd: pytest.CaptureFixture[str]) -> None:
    assert pipcheck.main(["install", "kfp[notebooks]"]) == 1
    assert "E321 the step needs nbclient" in capfd.readouterr().err
    assert pipcheck.main(["install", "--no-deps", "kfp[notebooks]"]) == 0


def test_requirements_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "more.txt").write_text("absent==3 --hash=sha256:00\n")
    (tmp_path / "all.txt").write_text("# comment\n\n--index-url x\nkfp # why\n-r more.txt\n")
    assert pipcheck.main(["install", "-r", str(tmp_path / "all.txt")]) == 1
    assert capfd.readouterr().err == (
        "E321 the step needs absent==3, this environment does not have it\n"
    )


def test_uninstall_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert pipcheck.main(["uninstall", "-y", "kfp"]) == 1
    assert capfd.readouterr().err.startswith("E321 ")


def test_other_verbs_run_the_real_pip() -> None:
    real = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False
    )
    ours = subprocess.run(
        [sys.executable, "-P", PIP_CHECK, "--version"], capture_output=True, check=False
    )
    assert (ours.returncode, ours.stdout, ours.stderr) == (
        real.returncode,
        real.stdout,
        real.stderr,
    )


WARM = Settings("/opt/python", "/sandbox/bin", True, {"PYTHONHASHSEED": "1", "HOME": "/"})
ENV = {"PYTHONHASHSEED": "1", "PYTHONUNBUFFERED": "1"}


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["-m", "mod", "-x"], ("-m", "mod", ["-x"], "")),
        (["-uBm", "mod"], ("-m", "mod", [], "uB")),
        (["-u", "-cpass", "a"], ("-c", "pass", ["a"], "u")),
        (["-c", "", "a"], ("-c", "", ["a"], "")),
    ],
)
def test_parse(args: list[str], expected: tuple[str, str, list[str], str]) -> None:
    command = parse(args)
    assert command is not None
    assert (command.mode, command.target, command.args, command.flags) == expected


@pytest.mark.parametrize(
    "args",
    [[], ["-"], ["-V"], ["-m"], ["-I", "-m", "x"], ["-X", "dev", "-c", ""], ["absent.py"], ["d"]],
)
def test_what_only_the_interpreter_understands(args: list[str]) -> None:
    assert parse(args) is None
    assert plan(["python3", *args], ENV, WARM) == ["/opt/python", *args]


@pytest.mark.parametrize("name", ["python3", "/sandbox/bin/python", "/opt/python"])
def test_python_is_forked(name: str) -> None:
    assert isinstance(plan([name, "-c", ""], ENV, WARM), PythonCommand)


@pytest.mark.parametrize("env", [{}, {**ENV, "PYTHONPATH": "/x"}, {"PYTHONHASHSEED": "2"}])
def test_another_interpreter_environment_is_not_forked(env: dict[str, str]) -> None:
    assert plan(["python3", "-c", ""], env, WARM) == ["/opt/python", "-c", ""]


@pytest.mark.parametrize("argv", [["sh", "-c", "x"], ["/usr/bin/python3", "-c", ""]])
def test_other_programs_are_as_they_are(argv: list[str]) -> None:
    assert plan(argv, ENV, WARM) == argv


@pytest.mark.parametrize("argv", [["pip"], ["python3", "-m", "pip"], ["python", "-mpip"]])
def test_pip_is_checked(argv: list[str]) -> None:
    command = plan([*argv, "install", "x"], ENV, WARM)
    assert isinstance(command, PythonCommand)
    assert (command.target, command.args, command.flags) == (PIP_CHECK, ["install", "x"], "P")
