"""The time of one session: that of the machine, and what it was advanced by."""

import datetime
import threading
import time
from collections.abc import Callable

from batchpredict.local.pipelines.retries import Clock

LONGEST_WAIT = 60.0  # the machine's own clock may be set, or the machine may have slept
STEP = 0.5


class SessionClock:
    """A clock that a test can advance; what is due by then has been started when that returns."""

    def __init__(self) -> None:
        self._ahead = datetime.timedelta()
        self._changed = threading.Condition()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> datetime.datetime:
        """Return the time in UTC."""
        return datetime.datetime.now(datetime.UTC) + self._ahead

    def monotonic(self) -> float:
        """Return seconds that only grow, also when the machine's own clock is set."""
        return time.monotonic() + self._ahead.total_seconds()

    def advance(self, by: datetime.timedelta) -> None:
        """Let so much time pass at once.

        Raises:
            ValueError: Time does not go back.
        """
        if by < datetime.timedelta():
            raise ValueError(f"the clock cannot be advanced by {by}: time does not go back")
        with self._changed:
            self._ahead += by
            self._changed.notify_all()
        for listener in self._listeners:
            listener()

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` each time the clock was advanced."""
        self._listeners.append(listener)

    def wake(self) -> None:
        """End the waits: what they wait for may be another moment now."""
        with self._changed:
            self._changed.notify_all()

    def wait_a_step(self, seconds: float) -> None:
        """Wait so long, half a second at most, or until the clock was advanced."""
        with self._changed:
            self._changed.wait(min(seconds, STEP))

    def wait_until(self, moment: Callable[[], datetime.datetime | None]) -> None:
        """Wait until the moment has come, or may have changed.

        Args:
            moment: Returns the moment, or None when there is none; called with the clock locked,
                so that no call of :meth:`wake` is missed between the question and the wait.
        """
        with self._changed:
            wanted = moment()
            seconds = LONGEST_WAIT if wanted is None else (wanted - self.now()).total_seconds()
            if seconds > 0:
                self._changed.wait(min(seconds, LONGEST_WAIT))


class AttemptClock(Clock):
    """Lets the waits between the attempts of a step go by the clock of the session."""

    def __init__(self, session: SessionClock) -> None:
        self._session = session

    def now(self) -> float:
        """Return seconds that only grow."""
        return self._session.monotonic()

    def wait(self, ended: threading.Event, seconds: float) -> bool:
        """Wait so long, or until ``ended`` is set; return whether it is."""
        deadline = self.now() + seconds
        while not ended.is_set() and (left := deadline - self.now()) > 0:
            self._session.wait_a_step(left)
        return ended.is_set()
