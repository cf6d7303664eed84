"""The program of the gRPC server's process: hand every call on, and the reply back.

usage: python -m batchpredict.local.network.front.server CONTROL CALLS KEY CHAIN
"""

import os
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from batchpredict.local.network.front.frames import read_frame, send_frame
from batchpredict.local.network.front.relay import run_relay

WORKERS = 64  # a waiting job holds one: Google's launchers are answered when the job has ended
MAX_MESSAGE = 64 * 1024 * 1024


def main() -> None:
    """Start the relay, serve until it ends, and end with it."""
    control, calls, key, chain = sys.argv[1:]
    ready, say_port = os.pipe()
    relay = os.fork()  # before gRPC has threads
    if not relay:
        os.close(say_port)
        run_relay(socket.socket(fileno=int(control)), os.fdopen(ready))
        os._exit(0)
    os.close(ready)
    os.close(int(control))
    server, port = _serve(calls, (Path(key).read_bytes(), Path(chain).read_bytes()))
    os.write(say_port, f"{port}\n".encode())
    os.waitpid(relay, 0)
    del server  # it serves for as long as it is held
    os._exit(0)  # calls that wait for a job would keep their threads


def _serve(calls: str, pair: tuple[bytes, bytes]) -> tuple[Any, int]:
    """Return a server that runs, and its port of 127.0.0.1."""
    import grpc

    wires = threading.local()

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> Any:
            texts = [pair for pair in details.invocation_metadata if isinstance(pair[1], str)]
            head = {"path": details.method, "headers": dict(texts)}

            def forward(data: bytes, context: grpc.ServicerContext) -> bytes:
                answer, reply = _ask(wires, calls, head, data)
                if answer["code"]:
                    context.abort(_codes[answer["code"]], answer["message"])
                return reply

            return grpc.unary_unary_rpc_method_handler(forward)

    _codes = {code.value[0]: code for code in grpc.StatusCode}
    options = [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", MAX_MESSAGE),
        ("grpc.max_send_message_length", MAX_MESSAGE),
    ]
    server = grpc.server(ThreadPoolExecutor(WORKERS), handlers=(Handler(),), options=options)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    server.start()
    return server, port


def _ask(
    wires: threading.local, calls: str, head: dict[str, Any], data: bytes
) -> tuple[dict[str, Any], bytes]:
    """Send one call to the services, over the connection of this thread."""
    if not hasattr(wires, "wire"):
        wires.wire = socket.socket(socket.AF_UNIX)
        wires.wire.connect(calls)
    send_frame(wires.wire, head, data)
    return read_frame(wires.wire)


if __name__ == "__main__":
    main()
