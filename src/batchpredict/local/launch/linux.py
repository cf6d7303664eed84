"""The Linux system calls of the sandbox that Python 3.11 does not offer."""

import ctypes
import errno
import os
import socket
import stat
import struct
import sys
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_MS_BIND = 1 << 12
_MS_REC = 1 << 14
_MS_UNBINDABLE = 1 << 17
_MS_PRIVATE = 1 << 18
_MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CAPABILITY_VERSION_3 = 0x20080522
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1

AVAILABLE = sys.platform == "linux"


def _call(name: str, *args: object) -> None:
    """Calls a function of libc that returns 0, or raises OSError naming it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*args) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def flush_libc() -> None:
    """Writes out what C code left in the buffers of stdio; os._exit would lose it."""
    ctypes.CDLL(None).fflush(None)


def _prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    _call("prctl", option, ctypes.c_ulong(value), zero, zero, zero)


def die_with_parent(parent: int, signal_number: int) -> None:
    """Asks the kernel to signal this process when its parent's *thread* ends.

    Args:
        parent: The parent's pid as this process sees it. When it is gone already, this
            process ends at once: the kernel reports only deaths that are still to come.
        signal_number: The signal to get.
    """
    if AVAILABLE:
        _prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Makes this process the parent of the descendants whose own parent ended."""
    if AVAILABLE:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def drop_capabilities() -> None:
    """Gives up the powers in the user namespace, as exec does for a user other than root."""
    if AVAILABLE and os.geteuid() != 0:
        header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
        _call("capset", header, bytes(24))


def enter_namespaces() -> None:
    """Moves this process to private user, mount and network namespaces.

    The pid namespace begins with the next fork. The user and group keep their numbers.

    Raises:
        OSError: If this machine does not permit it.
    """
    uid, gid = os.geteuid(), os.getegid()
    _call("unshare", _CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWNET)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        try:
            Path("/proc/self", name).write_text(text)
        except OSError as error:
            raise OSError(error.errno, f"{name}: {error.strerror}") from error


def raise_loopback() -> None:
    """Switches on the loopback interface of this network namespace."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))


def _mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    encoded = [os.fsencode(text) if text else None for text in (source, target, kind)]
    _call("mount", *encoded, ctypes.c_ulong(flags), data.encode() or None)


def _graft(entry: str, root: str) -> None:
    """Makes one entry of the old root appear in the new one."""
    name = os.path.basename(entry)
    target = os.path.join(root, name)
    mode = os.lstat(entry).st_mode
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(entry), target)
        return
    if stat.S_ISDIR(mode):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    _mount(entry, target, flags=_MS_BIND | _MS_REC)


def _mount_proc(root: str) -> list[str]:
    """Shows the processes of this pid namespace in /proc, where the kernel permits it."""
    try:
        _mount("proc", os.path.join(root, "proc"), "proc")
    except OSError as error:
        return [f"/proc inside the sandbox shows the processes of the host: {error.strerror}."]
    return []


def change_root(store: str, mountpoint: str) -> list[str]:
    """Gives this mount namespace a root with all entries of / and with the store as /gcs.

    Args:
        store: The folder to show as /gcs; it covers a /gcs of the host.
        mountpoint: An empty folder.

    Returns:
        One sentence for each entry that could not be shown.

    Raises:
        OSError: If a mount that is indispensable is not permitted.
    """
    notes = []
    _mount("", "/", flags=_MS_REC | _MS_PRIVATE)
    _mount("tmpfs", mountpoint, "tmpfs", data="mode=755")
    # Or the copy of the folder that holds the mount point would hold a copy of the new root.
    _mount("", mountpoint, flags=_MS_UNBINDABLE)
    for name in sorted(os.listdir("/")):
        try:
            if name != "gcs":
                _graft("/" + name, mountpoint)
        except OSError as error:
            notes.append(f"/{name} is not visible inside the sandbox: {error.strerror}.")
    os.mkdir(os.path.join(mountpoint, "gcs"))
    _mount(store, os.path.join(mountpoint, "gcs"), flags=_MS_BIND | _MS_REC)
    notes += _mount_proc(mountpoint)
    os.chdir(mountpoint)
    _call("pivot_root", b".", b".")
    _call("umount2", b".", _MNT_DETACH)
    os.chdir("/")
    _mount("", "/", flags=_MS_PRIVATE)
    return notes


def children_of(parent: int) -> list[int]:
    """Lists the pids of the direct children of a process, from /proc."""
    found = []
    for name in os.listdir("/proc") if AVAILABLE else []:
        try:
            if name.isdigit():
                fields = Path("/proc", name, "stat").read_bytes().rpartition(b")")[2].split()
                found += [int(name)] if int(fields[1]) == parent else []
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ESRCH):
                raise
    return found
