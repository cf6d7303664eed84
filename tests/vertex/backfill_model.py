"""A small model of what Vertex AI does for a back-fill, which may kill its caller at any call."""

from collections.abc import Callable
from dataclasses import replace

from batchpredict.errors import RunError
from batchpredict.vertex.backfills import Attempt


class Killed(BaseException):
    """The process ended here; what it knew is gone."""


class Model:
    """Runs by id; a second one of an id is refused, as the service does.

    Args:
        choose: Gives a number below its argument: all that is not certain is decided by it.
        failing: Whether runs may fail.
        lagging: Whether a list may leave out what was made last, and a request may have its effect
            after its sender was killed.
        refusing: Whether a request may be refused for quota.
    """

    def __init__(
        self,
        choose: Callable[[int], int],
        *,
        failing: bool = False,
        lagging: bool = False,
        refusing: bool = False,
    ) -> None:
        self._choose = choose
        self._failing = failing
        self._lagging = lagging
        self._refusing = refusing
        self.runs: dict[str, Attempt] = {}
        self.most_live = 0
        self.events = 0
        self.kill_at = 0
        self._late: list[Attempt] = []

    def attempts(self, *, live: bool = False) -> list[Attempt]:
        self._event()
        found = [it for it in self.runs.values() if not (live and it.is_over)]
        hidden = self._choose(3) if self._lagging else 0
        return found[: len(found) - hidden] if hidden else found

    def start(self, date: str, number: int) -> Attempt:
        made = Attempt(date, number, f"run-{date}-a{number}", "RUNNING", False)
        try:
            self._event()
        except Killed:
            if self._lagging and self._choose(2):
                self._late.append(made)
            raise
        if self._refusing and not self._choose(3):
            raise RunError("E404", "a quota is used up")
        self._put(made)
        self._event()  # the reply is lost
        return self.runs[made.name]

    def look(self, attempt: Attempt) -> Attempt:
        self._event()
        return self.runs[attempt.name]

    def _put(self, made: Attempt) -> None:
        if made.name not in self.runs:
            rivals = [it for it in self.runs.values() if it.date == made.date and not it.is_over]
            assert not rivals, f"two runs of {made.date} at a time"
            self.runs[made.name] = made
        self.most_live = max(self.most_live, sum(not it.is_over for it in self.runs.values()))

    def _event(self) -> None:
        """Let time pass: a run may end, a late request may have its effect, the caller may die."""
        self.events += 1
        for made in self._late:
            self._put(made)
        self._late = []
        live = [it for it in self.runs.values() if not it.is_over]
        if live and self._choose(2):
            run = live[self._choose(len(live))]
            state = "FAILED" if self._failing and self._choose(2) else "SUCCEEDED"
            self.runs[run.name] = replace(run, state=state, is_over=True)
        if self.events == self.kill_at:
            raise Killed
