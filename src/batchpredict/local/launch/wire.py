"""How a command is handed to the server: one unix connection for each command.

The client sends one byte with four descriptors: the command's stdin, stdout and stderr, and a
file with the request as JSON. So the message is small however long the command is, and no
side ever waits for the other to read. After that the client's bytes are signal numbers, and the
server's messages are the pid and then the exit code.

The shims import this module at every start of a command: keep its imports few.
"""

import json
import os
import socket
import struct
from collections.abc import Mapping, Sequence

RUN = b"R"  # the command lives on when its client goes away
BOUND = b"B"  # the command is killed when its client goes away
SOCKET = b"S"  # no command: a socket in the network of the commands is sent back
PID = b"P"
EXIT = b"X"
DESCRIPTORS = 4
_MESSAGE = struct.Struct("<ci")
_CREDENTIALS = struct.Struct("3i")
_LONGEST_PATH = 100


def fits(path: str) -> bool:
    """Tells whether a path is short enough for a unix socket on every system."""
    return len(os.fsencode(path)) <= _LONGEST_PATH


def connect(path: str) -> socket.socket:
    """Opens a connection to the server."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_PASSCRED"):
            # The kernel then translates the pid of the command to our pid namespace.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _memory_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("request", os.MFD_CLOEXEC)
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def send_request(
    connection: socket.socket,
    kind: bytes,
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: str,
    descriptors: Sequence[int],
) -> None:
    """Asks for a command to be run.

    Args:
        connection: What ``connect`` returned.
        kind: RUN or BOUND.
        argv: The command.
        env: Its whole environment.
        cwd: Its working directory.
        descriptors: Its stdin, stdout and stderr.
    """
    os.umask(mask := os.umask(0))
    request = {"argv": list(argv), "env": dict(env), "cwd": cwd, "umask": mask}
    file = _memory_file()
    try:
        data = memoryview(json.dumps(request).encode())
        while data:
            data = data[os.write(file, data) :]
        socket.send_fds(connection, [kind], [*descriptors, file])
    finally:
        os.close(file)


def receive_request(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Reads the first message of a client: its kind and the four descriptors."""
    kind, descriptors, _, _ = socket.recv_fds(connection, 1, DESCRIPTORS)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return kind, descriptors


class Request:
    """What a client asked to be run."""

    def __init__(self, file: int) -> None:
        with os.fdopen(file, "rb", closefd=False) as stream:
            stream.seek(0)
            fields = json.load(stream)
        self.argv: list[str] = fields["argv"]
        self.env: dict[str, str] = fields["env"]
        self.cwd: str = fields["cwd"]
        self.umask: int = fields["umask"]


def send(connection: socket.socket, kind: bytes, value: int) -> None:
    """Sends the pid or the exit code; a client that is gone does not matter."""
    try:
        connection.sendall(_MESSAGE.pack(kind, value))
    except OSError:
        return


def send_pid_of(connection: socket.socket, pid: int) -> None:
    """Sends the pid of a child in its place, with credentials that the kernel translates."""
    credentials = _CREDENTIALS.pack(pid, os.getuid(), os.getgid())
    ancillary = [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials)]
    try:
        connection.sendmsg([_MESSAGE.pack(PID, pid)], ancillary)
    except OSError:
        return


def send_signal(connection: socket.socket, number: int) -> None:
    """Asks the server to signal the process group of the command."""
    try:
        connection.send(bytes([number]))
    except OSError:
        return


def send_socket(connection: socket.socket) -> None:
    """Sends a new TCP socket, which belongs to the network of this process for good."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        socket.send_fds(connection, [SOCKET], [made.fileno()])


def receive_socket(path: str) -> socket.socket:
    """Asks the server for a TCP socket in the network of the commands.

    Raises:
        OSError: The server is gone.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        connection.sendall(SOCKET)
        _, descriptors, _, _ = socket.recv_fds(connection, 1, 1)
    if not descriptors:
        raise ConnectionResetError("no socket came")
    os.set_inheritable(descriptors[0], False)
    return socket.socket(fileno=descriptors[0])


def receive(connection: socket.socket) -> tuple[bytes, int] | None:
    """Reads one message of the server.

    Returns:
        The kind and the value, or None when the server is gone.
    """
    try:
        data, ancillary, _, _ = connection.recvmsg(_MESSAGE.size, socket.CMSG_SPACE(12))
    except ConnectionResetError:
        return None
    if len(data) < _MESSAGE.size:
        return None
    kind, value = _MESSAGE.unpack(data)
    if kind == PID:
        for _, _, credentials in ancillary:
            value = _CREDENTIALS.unpack(credentials)[0] or value
    return kind, value
