"""The Python and the packages of this machine, against what batchpredict was made for."""

import platform
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from batchpredict.doctoring.checks import FAIL, OK, SKIP, WARN, Check, Finding, Subject
from batchpredict.errors import EnvironmentFault

OURS = "batchpredict"
KNOWN_BAD = {
    "kfp": ("2.17.3", "it cannot be installed beside what it needs itself"),
    "google-cloud-aiplatform": ("2.0.0", "Google says that it must not be used"),
}
"""Versions that no bound may let in again. Sources: kubeflow/pipelines issue 13723, and
https://cloud.google.com/vertex-ai/docs/start/sdk-migration"""


def requirements() -> list[Requirement]:
    """Return what batchpredict needs, extras included.

    Raises:
        EnvironmentFault: It is not installed as a package (E464).
    """
    return [Requirement(text) for text in _distribution().requires or []]


def _distribution() -> metadata.Distribution:
    try:
        return metadata.distribution(OURS)
    except metadata.PackageNotFoundError as error:
        raise EnvironmentFault(
            "E464", "batchpredict is not installed as a package; install it with pip or uv"
        ) from error


def installed(name: str) -> str:
    """Return the version of a package that is installed, or ""."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def check_python(subject: Subject) -> Iterator[Finding]:  # noqa: ARG001
    """Compare the Python with what the package allows."""
    wanted = str(_distribution().metadata["Requires-Python"])
    here = platform.python_version()
    if SpecifierSet(wanted).contains(here, prereleases=True):
        yield Finding(OK, f"Python {here}")
    else:
        yield Finding(FAIL, f"Python {here}; batchpredict needs {wanted}", "use another Python")


def check_packages(subject: Subject) -> Iterator[Finding]:  # noqa: ARG001
    """Compare the packages with our bounds, and with versions that are known not to work."""
    needed = requirements()
    faults = [it for requirement in needed if (it := _fault(requirement)) is not None]
    yield from dict.fromkeys(faults)  # what two extras need is said once
    if not faults:
        yield Finding(OK, f"{len({it.name for it in needed})} packages are within their bounds")


def _fault(requirement: Requirement) -> Finding | None:
    """Return what is wrong with a package; None when nothing is."""
    name, wanted = requirement.name, str(requirement.specifier)
    version = installed(name)
    is_extra = "extra" in str(requirement.marker or "")
    install = f"pip install '{name}{wanted}'"
    if not version:
        if is_extra:
            return Finding(SKIP, f"{name} is not installed; only an extra needs it")
        return Finding(FAIL, f"{name} is not installed", install)
    bad, reason = KNOWN_BAD.get(name, ("", ""))
    if version == bad:
        return Finding(FAIL, f"{name} {version} does not work: {reason}", install)
    if not requirement.specifier.contains(version, prereleases=True):
        status = WARN if is_extra else FAIL
        return Finding(status, f"{name} is {version}; batchpredict needs {wanted}", install)
    return None


CHECKS = (Check("python", check_python), Check("packages", check_packages))
