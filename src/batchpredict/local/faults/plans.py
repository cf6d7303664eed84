"""What a test asks for: a fault, the calls that meet it, and the account of both."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from batchpredict.errors import RunError


@dataclass(frozen=True)
class Fault:
    """What happens to a call.

    Attributes:
        kind: One of :data:`~batchpredict.local.faults.checks.KINDS`.
        status: HTTP status, or name of a ``google.rpc.Code``, of the error answer.
        message: Text of the error answer.
        retry_after: Seconds in the ``Retry-After`` header of the error answer.
        seconds: How long a call is held; None holds it until the plan is released.
        after: How many bytes of the reply's body are sent.
    """

    kind: str
    status: int | str = 503
    message: str = "a fault that a test asked for"
    retry_after: int | None = None
    seconds: float | None = None
    after: int = 0


@dataclass(eq=False)
class Plan:
    """One fault for some calls of one method; safe to use from many threads.

    As a context manager it withdraws itself at the end, and raises when a planned call was not
    hit.

    Attributes:
        number: Tells the plans of a session apart.
        method: Name of the method, such as ``storage.objects.insert``; ``*`` stands for any text.
        fault: What happens to a call.
        wanted: The numbers of the calls that are hit, counted from the plan's beginning; None hits
            each of them.
    """

    number: int
    method: str
    fault: Fault
    wanted: frozenset[int] | None
    _withdraw: Callable[["Plan"], None] = field(repr=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, repr=False)
    _released: bool = field(default=False, repr=False)
    _seen: int = 0
    _hits: int = 0

    @property
    def seen(self) -> int:
        """How many calls of the method came since the plan was made."""
        return self._seen

    @property
    def hits(self) -> int:
        """How many calls met the fault."""
        return self._hits

    @property
    def exhausted(self) -> bool:
        """Whether every planned call was hit; when each call is planned, whether one was."""
        return self._hits >= (1 if self.wanted is None else len(self.wanted))

    def see(self) -> bool:
        """Count a call; return whether it is to be hit."""
        with self._changed:
            self._seen += 1
            return self.wanted is None or self._seen in self.wanted

    def hit(self) -> None:
        """Count a call that met the fault."""
        with self._changed:
            self._hits += 1
            self._changed.notify_all()

    def hold(self) -> None:
        """Keep a call waiting for as long as the fault says."""
        self.hit()
        with self._changed:
            self._changed.wait_for(lambda: self._released, self.fault.seconds)

    def release(self) -> None:
        """Let the calls go on that are held, and hold none any more."""
        with self._changed:
            self._released = True
            self._changed.notify_all()

    def wait(self, hits: int = 1, timeout: float | None = None) -> bool:
        """Wait until so many calls were hit; return whether they were in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._hits >= hits, timeout)

    def withdraw(self) -> None:
        """End the plan: calls that are held go on, and no other is hit."""
        self._withdraw(self)
        self.release()

    def check(self) -> None:
        """Raise when a planned call was not hit.

        Raises:
            RunError: E380 with the method and how many of its calls came.
        """
        if self.exhausted or self.fault.kind == "count":
            return
        planned = "each call" if self.wanted is None else f"calls {sorted(self.wanted)}"
        raise RunError(
            "E380",
            f"the fault {self.fault.kind} was planned for {planned} of {self.method} and hit "
            f"{self._hits}: {self._seen} calls came; see that the code under test makes them",
        )

    def account(self) -> dict[str, Any]:
        """Return the plan and what became of it as plain values."""
        return {
            "id": self.number,
            "method": self.method,
            "fault": self.fault.kind,
            "calls": "each" if self.wanted is None else sorted(self.wanted),
            "seen": self._seen,
            "hits": self._hits,
            "exhausted": self.exhausted,
        }

    def __enter__(self) -> "Plan":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.withdraw()
        if kind is None:
            self.check()
