"""Many clients at once, beside a bare server that answers with as many bytes.

usage: python benchmarks/load.py [--seconds N] [--clients N] [--processes N]

The services run in a process of their own, and so does a bare server: threads that read a
request and send back as many bytes as the services do, over the same TLS and the same gRPC, with
nothing in between. The same clients ask both, the bare server before and after the services. Each
sends the same twelve calls in turn: uploads, downloads, lists and deletions of Cloud Storage over
HTTP; reading models and a job, and predictions of a scikit-learn model, over HTTP and over gRPC.
No reply may be an error. The exit code is 1 when a goal is missed.
"""

import argparse
import datetime
import logging
import math
import multiprocessing
import os
import ssl
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import grpc  # noqa: E402
from local import lean  # noqa: E402

RATE, P99, GROWTH = 0.25, 4.0, 0.05


def serve_vertex(folder: str, pipe: Any) -> None:
    """Run the services until something comes through the pipe."""
    from local.lean_world import make_place

    from batchpredict.local.session import local_vertex

    logging.disable(logging.CRITICAL)
    with local_vertex(Path(folder)) as vertex:
        vertex.sandbox.wait_ready()
        pipe.send(make_place(vertex, "load"))
        pipe.recv()


class BareHandler(BaseHTTPRequestHandler):
    """Answers every request with as many bytes as it asks for."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        size = int(self.headers.get("X-Size") or 0)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(bytes(size))

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class BareGrpc(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers every call with as many bytes as it asks for."""

    def service(self, details: Any) -> Any:
        """Return what answers one call."""
        size = int(dict(details.invocation_metadata).get("x-size", 0))
        return grpc.unary_unary_rpc_method_handler(lambda _request, _context: bytes(size))


def serve_bare(folder: str, pipe: Any) -> None:
    """Run the bare servers until something comes through the pipe."""
    from batchpredict.local.network.certificates import issue_certificates

    certificates = issue_certificates(Path(folder))
    pair = (certificates.key.read_bytes(), certificates.chain.read_bytes())
    calls = grpc.server(ThreadPoolExecutor(64), handlers=(BareGrpc(),))
    grpc_port = calls.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    calls.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BareHandler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    with ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever)
        pipe.send((server.server_port, grpc_port, str(certificates.authority)))
        pipe.recv()
        server.shutdown()
    calls.stop(None)


def start(serve: Callable[[str, Any], None], folder: Path) -> tuple[Any, Any, Any]:
    """Start a server in a process; return the process, its pipe, and what it says first."""
    folder.mkdir()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(str(folder), theirs))
    process.start()
    return process, ours, ours.recv()


def clients_of_process(
    place: lean.Place, numbers: list[int], seconds: float, sizes: dict[str, int]
) -> lean.Record:
    """Run some clients, a thread each."""
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(len(numbers)) as pool:
        done = pool.map(lambda n: lean.run_client(place, n, end, sizes=sizes), numbers)
        return lean.merged(list(done))


def drive(
    pool: Executor, place: lean.Place, groups: list[list[int]], seconds: float, sizes: Any
) -> lean.Record:
    """Run all clients for a time."""
    futures = [pool.submit(clients_of_process, place, it, seconds, sizes) for it in groups]
    return lean.merged([future.result() for future in futures])


def memory(pid: int) -> float:
    """Return the memory of a process and of all below it, in MB; shared pages count once."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    below = [child for it in threads for child in (it / "children").read_text().split()]
    used = Path(f"/proc/{pid}/smaps_rollup").read_text().split("Pss:")[1].split()[0]
    return int(used) / 1024 + sum(memory(int(child)) for child in below)


def quantile(seconds: list[float], share: float) -> float:
    """Return a quantile in milliseconds."""
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def row(name: str, seconds: list[float], bare: list[float], times: tuple[float, float]) -> str:
    """Return a line of the table."""
    cells = [name, f"{len(seconds) / times[0]:,.0f}", f"{len(bare) / times[1]:,.0f}"]
    cells += [f"{quantile(it, share):,.1f}" for share in (0.5, 0.99) for it in (seconds, bare)]
    return "| " + " | ".join(cells) + " |"


def show(
    record: lean.Record, bare: lean.Record, times: tuple[float, float], grown: tuple[float, float]
) -> bool:
    """Print the table; return whether every goal is met."""
    print(
        "| | a second | bare | median, ms | bare | p99, ms | bare |\n|---|---|---|---|---|---|---|"
    )
    for name in record.seconds:
        print(row(name, record.seconds[name], bare.seconds[name], times))
    every, each = (list(chain(*it.seconds.values())) for it in (record, bare))
    print(row("**all**", every, each, times))
    rate = (len(every) / times[0]) / (len(each) / times[1])
    tail = quantile(every, 0.99) / quantile(each, 0.99)
    growth = grown[1] / grown[0] - 1
    print(f"\nerrors: {len(record.errors)} {record.errors[:3] or ''}")
    print(f"requests a second: {rate:.2f} of the bare server's (goal: at least {RATE})")
    print(f"p99: {tail:.1f} times the bare server's (goal: at most {P99:.0f})")
    print(f"memory: {grown[0]:,.0f} MB, then {grown[1]:,.0f}: {growth:+.1%} (goal: {GROWTH:.0%})")
    return not record.errors and rate >= RATE and tail <= P99 and growth <= GROWTH


def measure(seconds: float, clients: int, processes: int, folder: Path) -> bool:
    """Drive both servers and show what was found."""
    vertex, end_vertex, place = start(serve_vertex, folder / "home")
    plain, end_plain, (port, grpc_port, authority) = start(serve_bare, folder / "bare")
    direct = lean.Place(
        port, authority, place.bucket, place.model, place.endpoint, place.job, True, grpc_port
    )
    share = -(-clients // processes)
    groups = [
        list(range(first, min(first + share, clients))) for first in range(0, clients, share)
    ]
    warm, around = max(2.0, min(30.0, seconds / 10)), min(30.0, seconds / 4)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        sizes = drive(pool, place, groups, warm, {}).sizes
        drive(pool, direct, groups, warm, sizes)
        before = drive(pool, direct, groups, around, sizes)
        used = memory(vertex.pid)
        record = drive(pool, place, groups, seconds, {})
        grown = (used, memory(vertex.pid))
        bare = lean.merged([before, drive(pool, direct, groups, around, sizes)])
    for process, pipe in ((vertex, end_vertex), (plain, end_plain)):
        pipe.send(None)
        process.join()
    return show(record, bare, (seconds, 2 * around), grown)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    today = datetime.datetime.now(datetime.UTC).date()
    print(f"{today}, {os.cpu_count()} cores, Python {sys.version.split()[0]}", end="; ")
    print(
        f"{arguments.clients} clients, {arguments.seconds:.0f} s; load {os.getloadavg()[0]:.1f}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        met = measure(arguments.seconds, arguments.clients, arguments.processes, Path(folder))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
