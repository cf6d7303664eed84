"""Let a call meet what is planned for it: the same for HTTP and gRPC."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from batchpredict.local.faults.plans import Fault, Plan
from batchpredict.local.faults.registry import Faults
from batchpredict.local.vertex.errors import ServiceError


@dataclass(frozen=True)
class Wire:
    """What a fault looks like on one kind of connection.

    Attributes:
        refuse: Returns, or raises, the error answer.
        disconnect: Returns the exception that ends the call without an answer.
        size: Returns the number of bytes of a reply's body.
        cut: Returns the reply that ends after so many bytes, or raises.
    """

    refuse: Callable[[Fault], Any]
    disconnect: Callable[[], Exception]
    size: Callable[[Any], int]
    cut: Callable[[Any, int], Any]


def carry_out(faults: Faults, method: str, call: Callable[[], Any], wire: Wire) -> Any:
    """Carry out one call with the faults that are planned for it.

    Args:
        faults: The plans.
        method: Name of the method; "" is none that could be planned.
        call: Carries it out and returns the reply.
        wire: What faults look like to this client.
    """
    plan = faults.meet(method) if method else None
    return call() if plan is None else _EFFECTS[plan.fault.kind](plan, call, wire)


def _refuse(plan: Plan, call: Callable[[], Any], wire: Wire) -> Any:  # noqa: ARG001
    plan.hit()
    return wire.refuse(plan.fault)


def _reset(plan: Plan, call: Callable[[], Any], wire: Wire) -> Any:  # noqa: ARG001
    plan.hit()
    raise wire.disconnect()


def _lose(plan: Plan, call: Callable[[], Any], wire: Wire) -> Any:
    with contextlib.suppress(ServiceError):  # a refusal is lost as well
        call()
    plan.hit()
    raise wire.disconnect()


def _truncate(plan: Plan, call: Callable[[], Any], wire: Wire) -> Any:
    reply = call()
    if wire.size(reply) <= plan.fault.after:
        return reply
    plan.hit()
    return wire.cut(reply, plan.fault.after)


_EFFECTS: dict[str, Callable[[Plan, Callable[[], Any], Wire], Any]] = {
    "status": _refuse,
    "reset": _reset,
    "lost-reply": _lose,
    "truncate": _truncate,
}
