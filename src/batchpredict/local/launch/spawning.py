"""Start a program that is no Python of ours without copying the large warm parent.

A fork of the parent takes 20 ms for its page tables alone; ``posix_spawn`` shares them until the
program runs. It cannot ask for a death signal, so it serves only where a pid namespace ends
everything.
"""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator, Sequence

from . import wire

_DEFAULTED = (signal.SIGINT, signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD, signal.SIGXFSZ)


def spawn(argv: list[str], request: wire.Request, descriptors: Sequence[int]) -> int:
    """Starts a program in a session of its own.

    Args:
        argv: The program and its arguments.
        request: Its environment, working directory and umask.
        descriptors: Its stdin, stdout and stderr.

    Returns:
        Its pid as this process sees it.

    Raises:
        OSError: It cannot be started.
    """
    program = shutil.which(argv[0], path=request.env.get("PATH"))
    if program is None:
        raise FileNotFoundError(argv[0])
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(descriptors)]
    with _inside(request):
        return os.posix_spawn(
            program,
            argv,
            request.env,
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=_DEFAULTED,
        )


@contextlib.contextmanager
def _inside(request: wire.Request) -> Iterator[None]:
    """Lends this process, which has one thread, the program's folder and umask for a moment."""
    here = os.getcwd()
    os.chdir(request.cwd)
    mask = os.umask(request.umask)
    try:
        yield
    finally:
        os.umask(mask)
        os.chdir(here)
