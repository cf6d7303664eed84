"""No test reaches for anything but this machine: refused where it is asked, counted by the kernel.

On Linux as root every process of the suite is moved into a network of its own that has nothing
but loopback, and the kernel counts what finds no route there: attempts of any process, in any
language, also of those that the tests start. Elsewhere only the calls of the test process itself
are seen.
"""

import ctypes
import fcntl
import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CLONE_NEWNET = 0x40000000
FLAGS_GET, FLAGS_SET, UP = 0x8913, 0x8914, 1
NAMES = ("", "localhost", "ip6-localhost", socket.gethostname())
CONNECTING = ("socket.connect", "socket.sendto", "socket.sendmsg")
RESOLVING = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")

refused: list[str] = []
"""What the test process was refused, in words."""
told = [0]
"""How many lost packets a test has failed for."""


def is_local(host: Any) -> bool:
    """Whether a host is this machine, by its name or address."""
    text = host.decode() if isinstance(host, bytes) else host
    if text is None or text in NAMES:
        return True
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return found.is_loopback or found.is_unspecified


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse what leads off this machine.

    Raises:
        PermissionError: It does.
    """
    if event in CONNECTING:
        address = arguments[1]
        if not isinstance(address, tuple):
            return  # a Unix socket, or a connected one that needs no address
    elif event in RESOLVING:
        address = arguments
    else:
        return
    if not is_local(address[0]):
        refused.append(f"{event} {address[0]!r}")
        raise PermissionError(f"tests reach nothing but this machine: {refused[-1]}")


def enter_private_network() -> bool:
    """Move this thread, and all that it starts, into a network with loopback alone."""
    if not sys.platform.startswith("linux"):
        return False
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, FLAGS_GET, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", request)[1] | UP
        fcntl.ioctl(any_socket, FLAGS_SET, struct.pack("16sh14x", b"lo", flags))
    return True


def lost_packets() -> int:
    """Return how many packets found no route in this network so far."""
    snmp = Path("/proc/self/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in snmp if line.startswith("Ip:"))
    found = int(values[names.index("OutNoRoutes")])
    for line in Path("/proc/self/net/snmp6").read_text().splitlines():
        if line.startswith("Ip6OutNoRoutes"):
            found += int(line.split()[1])
    return found


def pytest_configure(config: pytest.Config) -> None:
    """Contain this process; once, also when several conftest files ask for it."""
    if not hasattr(config, "private_network"):
        config.private_network = enter_private_network()  # type: ignore[attr-defined]
        sys.addaudithook(watch)


@pytest.fixture(autouse=True)
def contained(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test when it or its fixtures reached beyond this machine, also if that was hidden."""
    yield
    asked, refused[:] = list(refused), []
    private = request.config.private_network  # type: ignore[attr-defined]
    lost = (lost_packets() if private else 0) - told[0]
    told[0] += lost
    assert not asked, f"the test reached beyond this machine: {', '.join(asked)}"
    assert not lost, f"{lost} packets of the test were for another machine"
