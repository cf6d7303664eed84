"""The plans of a session, and what each call meets."""

import contextlib
import itertools
import threading
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from batchpredict.errors import UsageError
from batchpredict.local.faults.plans import Plan


class Faults:
    """Faults for calls that come over the network, from any client of the services.

    Attributes:
        active: Whether there is any plan. Without one a call is not even given a name.
    """

    def __init__(self) -> None:
        self.active = False
        self._known: list[str] = []
        self._plans: tuple[Plan, ...] = ()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def learn(self, methods: Iterable[str]) -> None:
        """Take up the names of the methods that are served."""
        self._known = sorted({*self._known, *methods})

    def plan(
        self, /, method: str, fault: str, calls: int | Iterable[int] | str = 1, **options: Any
    ) -> Plan:
        """Ask for a fault.

        Args:
            method: Such as ``JobService.CreateBatchPredictionJob``, the same for gRPC and REST, or
                ``storage.objects.insert``; ``*`` stands for any text.
            fault: ``status``, ``lost-reply``, ``reset``, ``delay``, ``truncate`` or ``count``.
            calls: Which calls meet it, counted from now on: a number, several, or ``"each"``.
            **options: Of ``status``: ``status``, ``message``, ``retry_after``; of ``delay``:
                ``seconds``; of ``truncate``: ``after``.

        Raises:
            UsageError: There is no such method (E381) or fault, or a value is wrong (E382).
        """
        from batchpredict.local.faults.checks import checked_calls, checked_fault, checked_method

        checked = (
            checked_method(method, self._known),
            checked_fault(fault, options),
            checked_calls(calls),
        )
        with self._lock:
            plan = Plan(next(self._numbers), *checked, self._forget)
            self._keep((*self._plans, plan))
        return plan

    def calls(self, method: str) -> Plan:
        """Count the calls of a method from now on: ``seen`` of what this returns."""
        return self.plan(method, "count", "each")

    def plans(self) -> tuple[Plan, ...]:
        """Return the plans that are in force."""
        return self._plans

    def find(self, number: int) -> Plan:
        """Return the plan of this number.

        Raises:
            UsageError: There is none (E383).
        """
        for plan in self._plans:
            if plan.number == number:
                return plan
        raise UsageError("E383", f"there is no plan {number}; it may have been withdrawn")

    def clear(self) -> tuple[Plan, ...]:
        """Withdraw every plan and return them."""
        plans = self._plans
        for plan in plans:
            plan.withdraw()
        return plans

    def verify(self) -> None:
        """Withdraw every plan; raise when one of them was not hit (E380)."""
        with contextlib.ExitStack() as stack:
            for plan in self.clear():
                stack.callback(plan.check)

    def meet(self, method: str) -> Plan | None:
        """Count one call, hold it when that is planned, and return what else it meets.

        Every plan counts the call. When several are due the oldest has its way.
        """
        due = [plan for plan in self._plans if fnmatchcase(method, plan.method) and plan.see()]
        others = []
        for plan in due:
            if plan.fault.kind == "count":
                plan.hit()
            elif plan.fault.kind == "delay":
                plan.hold()
            else:
                others.append(plan)
        return others[0] if others else None

    def _forget(self, plan: Plan) -> None:
        with self._lock:
            self._keep(tuple(each for each in self._plans if each is not plan))

    def _keep(self, plans: tuple[Plan, ...]) -> None:
        self._plans = plans
        self.active = bool(plans)
