"""Training against serving: the versions must agree, and prebuilt containers expire."""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.version import Version

from batchpredict import images
from batchpredict.doctoring.checks import FAIL, OK, SKIP, WARN, Check, Finding, Subject
from batchpredict.doctoring.installation import installed


@dataclass(frozen=True)
class Container:
    """A prebuilt prediction container.

    Attributes:
        patches_end: After this day it gets no security patches; None where that is not known.
        removed: After this day it can no longer be deployed.
    """

    patches_end: datetime.date | None
    removed: datetime.date


def _day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


CONTAINERS = {
    "sklearn-cpu.1-6": Container(_day("2026-10-14"), _day("2027-10-14")),
    "sklearn-cpu.1-5": Container(None, _day("2027-01-14")),
    "sklearn-cpu.1-4": Container(None, _day("2027-01-14")),
    "xgboost-cpu.2-1": Container(_day("2026-07-14"), _day("2027-01-14")),
    "xgboost-cpu.2-0": Container(_day("2026-01-14"), _day("2027-01-14")),
}
"""The table of https://cloud.google.com/vertex-ai/docs/predictions/pre-built-containers, in a
stored copy that was read on 2026-11-21."""

PAIRS = (
    (images.SCIKIT_LEARN, images.SKLEARN_SERVING, ("scikit-learn",)),
    (images.XGBOOST, images.XGBOOST_SERVING, ("xgboost-cpu", "xgboost")),
)
"""What trains, what serves, and the packages that may train on this machine."""
WRONG = {
    "scikit-learn": "a model of another version may not load",
    "xgboost": "a model of XGBoost 3.1 or later gives wrong numbers there without a warning",
}


def served(image: str) -> tuple[str, tuple[int, int]]:
    """Return name and version of a prebuilt container, such as ``sklearn-cpu.1-6`` and (1, 6).

    Raises:
        ValueError: It is no prebuilt container.
    """
    found = re.search(r"/((?:sklearn|xgboost)-[a-z]+\.(\d+)-(\d+))(?:[:@]|\Z)", image)
    if not found:
        raise ValueError(f"{image} is no prebuilt container")
    return found[1], (int(found[2]), int(found[3]))


def check_versions(subject: Subject) -> Iterator[Finding]:  # noqa: ARG001
    """Compare what trains with what serves: in the steps, and on this machine."""
    for pin, image, packages in PAIRS:
        name, version = served(image)
        requirement = Requirement(pin)
        family = WRONG["xgboost" if "xgboost" in requirement.name else "scikit-learn"]
        yield _of_steps(requirement, name, version, family)
        for package in packages:
            if here := installed(package):
                yield _of_machine(package, here, name, version, family)


def _of_steps(requirement: Requirement, name: str, version: tuple[int, int], risk: str) -> Finding:
    major, minor = version
    allowed = requirement.specifier.contains(f"{major}.{minor}.99")
    others = [f"{major}.{minor + 1}", f"{major + 1}.0"]
    others += [f"{major}.{minor - 1}.99"] if minor else []
    if allowed and not any(requirement.specifier.contains(it) for it in others):
        return Finding(OK, f"the steps train with {requirement}, which {name} serves")
    what = f"the steps train with {requirement}, and {name} serves: {risk}"
    return Finding(FAIL, what, f"pin {requirement.name} to {major}.{minor} in images.py")


def _of_machine(
    package: str, here: str, name: str, version: tuple[int, int], risk: str
) -> Finding:
    if Version(here).release[:2] == version:
        return Finding(OK, f"{package} {here} on this machine is what {name} serves")
    major, minor = version
    todo = f"pip install '{package}>={major}.{minor},<{major}.{minor + 1}'"
    return Finding(FAIL, f"{package} {here} on this machine, and {name} serves: {risk}", todo)


def check_expiry(subject: Subject) -> Iterator[Finding]:
    """Count the days that the containers of our pipelines are still to be had."""
    for _, image, _ in PAIRS:
        name, _ = served(image)
        container = CONTAINERS.get(name)
        if container is None:
            yield Finding(SKIP, f"when {name} is removed is not known here")
        else:
            yield expiry(name, container, subject.today)


def expiry(name: str, container: Container, today: datetime.date) -> Finding:
    """Return how long a container is still to be had.

    Args:
        name: What it is called.
        container: Its dates.
        today: The date that is counted from.
    """
    left = (container.removed - today).days
    todo = "prepare a container of your own, or a newer prebuilt one"
    if left < 0:
        return Finding(FAIL, f"{name} was removed on {container.removed}", todo)
    ended = container.patches_end
    until = f"{name} can be used until {container.removed}, for {left} days more"
    if ended is not None and ended < today:
        return Finding(WARN, f"{until}; its security patches ended on {ended}", todo)
    return Finding(OK, until)


CHECKS = (Check("train and serve", check_versions), Check("containers", check_expiry))
