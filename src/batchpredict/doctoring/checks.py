"""A check and what it finds, and how all of them are run."""

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from batchpredict.config.settings import Settings
from batchpredict.doctoring.cloud import Cloud

OK, WARN, FAIL, SKIP = "OK", "WARN", "FAIL", "SKIP"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        status: ``OK``, ``WARN``, ``FAIL``, or ``SKIP`` for what could not be checked.
        what: What was found, in a line.
        todo: What to do about it; "" where there is nothing to do.
    """

    status: str
    what: str
    todo: str = ""


@dataclass(frozen=True)
class Subject:
    """What is looked at.

    Attributes:
        settings: What holds for the commands.
        cloud: Asks Google Cloud.
        today: The date that expiry is counted from.
    """

    settings: Settings
    cloud: Cloud = field(default_factory=Cloud)
    today: datetime.date = field(
        default_factory=lambda: datetime.datetime.now(datetime.UTC).date()
    )


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: What it is called.
        run: Yields what it finds.
        online: Whether it asks Google Cloud.
        needs: The settings without which it cannot be made.
    """

    name: str
    run: Callable[[Subject], Iterator[Finding]]
    online: bool = False
    needs: tuple[str, ...] = ()


def results(
    checks: Sequence[Check], subject: Subject, *, offline: bool = False
) -> Iterator[tuple[str, Finding]]:
    """Run checks one after the other; yield the name of each with what it found.

    No check stops another: what cannot be checked is said, with the reason.

    Args:
        checks: The checks.
        subject: What they look at.
        offline: Leave out those that ask Google Cloud.
    """
    for check in checks:
        if offline and check.online:
            yield check.name, Finding(SKIP, "not looked at: --offline")
            continue
        try:
            if check.needs:
                subject.settings.require(*check.needs)
            for finding in check.run(subject):
                yield check.name, finding
        except Exception as error:
            reason = " ".join(str(error).split())[:400] or type(error).__name__
            yield check.name, Finding(SKIP, f"could not be checked: {reason}")
