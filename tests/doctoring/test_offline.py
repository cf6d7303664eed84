"""What the doctor finds without asking anybody."""

import datetime
import importlib.metadata
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from batchpredict import images
from batchpredict.config.settings import Settings
from batchpredict.doctoring import credentials, installation, serving
from batchpredict.doctoring.all_checks import CHECKS
from batchpredict.doctoring.checks import FAIL, OK, SKIP, WARN, Check, Finding, Subject, results
from batchpredict.errors import EnvironmentFault, RunError

SUBJECT = Subject(Settings(), today=datetime.date(2026, 11, 21))


def test_this_environment_is_sound() -> None:
    for check in (*installation.CHECKS, serving.CHECKS[0]):
        assert {it.status for it in check.run(SUBJECT)} <= {OK, SKIP}, check.name


@pytest.mark.parametrize(
    ("version", "status"),
    [("3.10.14", FAIL), ("3.11.0", OK), ("3.13.9", OK), ("3.14.0", FAIL), ("3.14.0rc1", FAIL)],
)
def test_the_python(monkeypatch: pytest.MonkeyPatch, version: str, status: str) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: version)
    [found] = installation.check_python(SUBJECT)
    assert (found.status, version in found.what) == (status, True)


@pytest.mark.parametrize(
    ("package", "version", "status", "said"),
    [
        ("kfp", "2.17.3", FAIL, "kfp 2.17.3 does not work: "),
        ("google-cloud-aiplatform", "2.0.0", FAIL, "must not be used"),
        ("google-cloud-aiplatform", "2.7.0", FAIL, "is 2.7.0; batchpredict needs <2,"),
        ("google-cloud-storage", "2.19.0", FAIL, "is 2.19.0; batchpredict needs <4,>=3"),
        ("click", "", FAIL, "click is not installed"),
        ("scipy", "1.16.0", WARN, "scipy is 1.16.0; batchpredict needs"),
        ("sqlglot", "", SKIP, "sqlglot is not installed; only an extra needs it"),
    ],
)
def test_a_package_out_of_its_bounds(
    monkeypatch: pytest.MonkeyPatch, package: str, version: str, status: str, said: str
) -> None:
    real = installation.installed
    monkeypatch.setattr(
        installation, "installed", lambda name: version if name == package else real(name)
    )
    [found] = installation.check_packages(SUBJECT)
    assert (found.status, said in found.what) == (status, True), found


def test_e464_without_its_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    with pytest.raises(EnvironmentFault, match=r"^E464 batchpredict is not installed"):
        installation.requirements()


@pytest.mark.parametrize(
    ("pin", "status"),
    [
        ("xgboost-cpu>=2.1,<2.2", OK),
        ("xgboost-cpu~=2.1.0", OK),
        ("xgboost-cpu==2.1.*", OK),
        ("xgboost-cpu>=2.1,<3", FAIL),
        ("xgboost-cpu>=2.0,<2.2", FAIL),
        ("xgboost-cpu>=2.1", FAIL),
        ("xgboost-cpu", FAIL),
        ("xgboost-cpu>=3.1,<3.2", FAIL),
    ],
)
def test_the_pin_that_trains_is_the_version_that_serves(pin: str, status: str) -> None:
    found = serving._of_steps(Requirement(pin), "xgboost-cpu.2-1", (2, 1), "wrong numbers")
    assert found.status == status
    at_zero = serving._of_steps(Requirement("x>=2.0,<2.1"), "x.2-0", (2, 0), "")
    assert at_zero.status == OK


def test_what_trains_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"scikit-learn": "1.9.1", "xgboost": "3.1.1"}
    monkeypatch.setattr(serving, "installed", lambda name: there.get(name, ""))
    found = [it for it in serving.check_versions(SUBJECT) if it.status == FAIL]
    assert [it.what.partition(" on ")[0] for it in found] == [
        "scikit-learn 1.9.1",
        "xgboost 3.1.1",
    ]
    assert "wrong numbers" in found[1].what
    assert found[1].todo == "pip install 'xgboost>=2.1,<2.2'"


def test_the_name_of_a_container() -> None:
    assert serving.served(images.SKLEARN_SERVING) == ("sklearn-cpu.1-6", (1, 6))
    assert serving.served("x/xgboost-gpu.2-1@sha256:0")[1] == (2, 1)
    with pytest.raises(ValueError, match="is no prebuilt container"):
        serving.served("example.com/mine:1")


def test_every_container_of_ours_has_its_dates() -> None:
    for _, image, _ in serving.PAIRS:
        assert serving.served(image)[0] in serving.CONTAINERS
    found = [it.what for it in serving.check_expiry(SUBJECT)]
    assert "2027-10-14, for 327 days more" in found[0]
    assert "2027-01-14, for 54 days more" in found[1]


@pytest.mark.parametrize(
    ("today", "status"),
    [("2026-07-14", OK), ("2026-07-15", WARN), ("2027-01-14", WARN), ("2027-01-15", FAIL)],
)
def test_a_container_expires_after_its_day(today: str, status: str) -> None:
    container = serving.CONTAINERS["xgboost-cpu.2-1"]
    day = datetime.date.fromisoformat(today)
    assert serving.expiry("xgboost-cpu.2-1", container, day).status == status
    unknown = serving.CONTAINERS["sklearn-cpu.1-5"]
    assert serving.expiry("sklearn-cpu.1-5", unknown, day).status in (OK, FAIL)


def test_an_unknown_container_is_not_called_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CONTAINERS", {})
    assert {it.status for it in serving.check_expiry(SUBJECT)} == {SKIP}


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        ({"type": "authorized_user", "refresh_token": "very-secret"}, OK, "a person's login"),
        (
            {"type": "service_account", "client_email": "a@b.c", "private_key": "very-secret"},
            OK,
            "a key of a service account: a@b.c",
        ),
        ({"type": "new_kind"}, OK, "new_kind"),
        ({"private_key": "very-secret"}, FAIL, "cannot be read as credentials"),
        ("very-secret", FAIL, "cannot be read as credentials"),
        (None, FAIL, "cannot be read as credentials: FileNotFoundError"),
    ],
)
def test_the_file_of_credentials_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: Any, status: str, said: str
) -> None:
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    [found] = credentials.check_file(SUBJECT)
    assert (found.status, said in found.what) == (status, True), found
    assert "very-secret" not in str(found)


def test_no_file_of_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    [found] = credentials.check_file(SUBJECT)
    assert found.status == SKIP
    (tmp_path / "application_default_credentials.json").write_text('{"type": "authorized_user"}')
    [found] = credentials.check_file(SUBJECT)
    assert found.status == OK


def test_offline_asks_nobody() -> None:
    """The base is no address: whatever asks would say so."""
    found = list(results(CHECKS, SUBJECT, offline=True))
    online = {check.name for check in CHECKS if check.online}
    assert len(online) == 7
    for name, it in found:
        assert (it.what == "not looked at: --offline") == (name in online)


def test_no_check_stops_another_or_is_called_good() -> None:
    def broken(_: Subject) -> Iterator[Finding]:
        yield Finding(OK, "one")
        raise RuntimeError("the\nreason")

    def refused(_: Subject) -> Iterator[Finding]:
        raise RunError("E403", "not there")
        yield

    def silent(_: Subject) -> Iterator[Finding]:
        raise KeyError
        yield

    def fine(_: Subject) -> Iterator[Finding]:
        yield Finding(OK, "two")

    checks = [
        Check("a", broken),
        Check("b", refused),
        Check("c", silent),
        Check("d", fine, needs=("project",)),
        Check("e", fine),
    ]
    found = [(name, it.status, it.what) for name, it in results(checks, SUBJECT)]
    assert found[:4] == [
        ("a", OK, "one"),
        ("a", SKIP, "could not be checked: the reason"),
        ("b", SKIP, "could not be checked: E403 not there"),
        ("c", SKIP, "could not be checked: KeyError"),
    ]
    assert found[4][:2] == ("d", SKIP)
    assert "--project" in found[4][2]
    assert found[5] == ("e", OK, "two")


def test_offline_loads_nothing_of_google() -> None:
    code = (
        "import sys\n"
        "from batchpredict.cli.doctor import command\n"
        "command.main(['--offline'], standalone_mode=False)\n"
        "heavy = ('google.auth', 'requests', 'grpc', 'kfp')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
