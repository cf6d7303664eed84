"""What must be there after a kill: what was acknowledged."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Ledger:
    """What must be there: for each name the state that was acknowledged, and what may be instead.

    Attributes:
        acknowledged: How many calls were answered.
    """

    states: dict[str, Any] = field(default_factory=dict)
    open: dict[str, Any] = field(default_factory=dict)
    acknowledged: int = 0
    grown: threading.Condition = field(default_factory=threading.Condition)

    @contextlib.contextmanager
    def change(self, name: str, state: Any) -> Iterator[None]:
        """Note that a call is under way which gives ``name`` a state, and then that it ended."""
        self.open[name] = state
        yield
        self.states[name] = state
        del self.open[name]
        with self.grown:
            self.acknowledged += 1
            self.grown.notify()

    def wait(self, count: int) -> None:
        """Wait until so many calls have been answered."""
        with self.grown:
            assert self.grown.wait_for(lambda: self.acknowledged >= count, 60), "no answers"

    def forget(self, start: str) -> None:
        """Expect nothing more of the names that begin so."""
        self.states = {n: it for n, it in self.states.items() if not n.startswith(start)}

    def settle(self, name: str, found: Any) -> None:
        """Check what was found after a start; from now on it is what must be there."""
        allowed = [self.states.get(name)]
        if name in self.open:
            allowed.append(self.open.pop(name))
        assert found in allowed, f"{name}: {str(found)[:200]} is none of {str(allowed)[:400]}"
        self.states[name] = found
