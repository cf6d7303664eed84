"""Try a step again after a failure, as the retry policy of its task says."""

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FACTOR = 2.0
LONGEST_WINDOW = 3600.0


class Clock:
    """The time that the waits between attempts go by."""

    def now(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic()

    def wait(self, ended: threading.Event, seconds: float) -> bool:
        """Wait so long, or until ``ended`` is set; return whether it is."""
        return ended.wait(seconds)


@dataclass(frozen=True)
class RetryPolicy:
    """When a failed step is tried again.

    Attributes:
        count: Largest number of attempts after the first.
        delay: Seconds before the second attempt.
        factor: What the delay is multiplied by before each further attempt.
        window: Seconds after the first failure within which an attempt may start.
    """

    count: int
    delay: float
    factor: float
    window: float

    @classmethod
    def of(cls, task: Any) -> "RetryPolicy":
        """Return the policy of a ``PipelineTaskSpec``; what it leaves open is as KFP has it."""
        policy = task.retry_policy
        longest = _seconds(policy.backoff_max_duration) or LONGEST_WINDOW
        return cls(
            count=policy.max_retry_count,
            delay=_seconds(policy.backoff_duration),
            factor=policy.backoff_factor or FACTOR,
            window=min(longest, LONGEST_WINDOW),
        )


def _seconds(duration: Any) -> float:
    return float(duration.seconds + duration.nanos / 1e9)


class Attempts:
    """Counts the failures of one step and says how long to wait for the next attempt."""

    def __init__(self, policy: RetryPolicy, clock: Clock) -> None:
        self.failed = 0
        self._policy = policy
        self._clock = clock
        self._delay = policy.delay
        self._deadline = 0.0

    def next_delay(self) -> float | None:
        """Note a failure; return the seconds to wait, or None when it was the last attempt."""
        self.failed += 1
        now, delay = self._clock.now(), self._delay
        if self.failed == 1:
            self._deadline = now + self._policy.window
        if self.failed > self._policy.count or now + delay > self._deadline:
            return None
        self._delay = delay * self._policy.factor
        return delay


def keep_log(log: Path, attempt: int, message: str) -> str:
    """Put the log of a failed attempt aside; return its message with the log's new name."""
    return message.replace(str(log), str(set_aside(log, str(attempt))))


def set_aside(log: Path, ending: str) -> Path:
    """Give a log, if there is one, a name of its own; return it."""
    kept = log.with_name(f"{log.name}.{ending}")
    with suppress(FileNotFoundError):
        os.replace(log, kept)
    return kept
