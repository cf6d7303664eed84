"""Google's generated clients, whose replies are parsed once more with unknown fields refused."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format

from batchpredict.local.network.rpcs import Rpc, load_rpcs, protobuf
from batchpredict.local.runs import PARENT
from batchpredict.local.session import LocalVertex
from batchpredict.local.vertex.surface.page import emulates

RPCS = {rpc.method: rpc for rpc in load_rpcs().values()}
EMULATED = sorted(method for method, rpc in RPCS.items() if emulates(rpc))
REFUSED = sorted(RPCS.keys() - set(EMULATED))
DEADLINE = 60.0


@dataclass(frozen=True)
class World:
    """What a check may use.

    Attributes:
        vertex: The services.
        gapic: Google's clients, by service and transport.
        transport: ``grpc`` or ``rest``.
        model: A scikit-learn model that was uploaded; it doubles its input.
        endpoint: Where it is deployed.
        deployed: The id of the deployment.
        tag: A word that is in no other check's names.
    """

    vertex: LocalVertex
    gapic: Callable[[str, str], Any]
    transport: str
    model: str
    endpoint: str
    deployed: str
    tag: str

    def ask(self, method: str, request: Any = None, **fields: Any) -> Any:
        """Call a method, check the reply, and return it; of an operation, its result."""
        rpc = RPCS[method]
        client = self.gapic(rpc.service.removesuffix("Service").lower(), self.transport)
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", method).lower()
        call = getattr(client, name)
        request = request or rpc.request_type(**fields)
        if self.transport == "rest":
            reply = call_over_rest(client.transport._session, rpc, lambda: call(request))
        else:
            reply = call(request)
            check_message(getattr(reply, "operation", getattr(reply, "_response", reply)))
        return reply.result(timeout=DEADLINE) if hasattr(reply, "result") else reply

    def until(self, method: str, name: str, *states: str) -> Any:
        """Return a resource when its state ends in one of these words."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            found = self.ask(method, name=name)  # held until it ends, for at most 3 s
            if found.state.name.endswith(states):
                return found
        raise AssertionError(f"{name} is not {' or '.join(states)}: {found.state.name}")

    def names(self, method: str, **fields: Any) -> list[str]:
        """Return the names of all that a method lists."""
        return [found.name for found in self.ask(method, parent=PARENT, **fields)]


def call_over_rest(session: Any, rpc: Rpc, call: Callable[[], Any]) -> Any:
    """Make a call, and parse the first JSON that came back as the type of its reply."""
    bodies: list[str] = []

    def keep(reply: Any, **_: Any) -> None:
        bodies.append(reply.text)

    session.hooks["response"].append(keep)
    try:
        reply = call()
    finally:
        session.hooks["response"].remove(keep)
    kind = rpc.response_type
    empty = kind.pb(kind()) if hasattr(kind, "pb") else kind()
    json_format.Parse(bodies[0], empty)
    return reply


def check_message(reply: Any) -> None:
    """See that a message has no unknown fields, and that its JSON is that of its type."""
    if reply is None:  # Google's clients return None for google.protobuf.Empty
        return
    message = protobuf(reply)
    copy = type(message).FromString(message.SerializeToString())
    copy.DiscardUnknownFields()
    assert copy.ByteSize() == message.ByteSize()
    json_format.ParseDict(json_format.MessageToDict(message), type(message)())
