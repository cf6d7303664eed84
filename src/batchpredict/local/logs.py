"""Read the log of a step or a server."""

import re

TRACEBACK = "Traceback (most recent call last):"
NAMED = re.compile(r"(?:[\w.]+\.)?\w*(?:Error|Exception|Exit|Interrupt)\b(?:: .*)?|E\d{3} .*")
MAX_SHOWN = 1000


def last_exception(log: str) -> str:
    """Return the line of ``log`` that says why a process ended.

    That is the exception of the last traceback; without one the last line that names an exception
    or begins with a message code; else the last line. The name of a ``ValueError`` or
    ``RuntimeError`` that only carries a coded message is left out.
    """
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    named = [line.strip() for line in lines if NAMED.fullmatch(line.strip())]
    line = _raised(lines) or (named or lines or ["no output"])[-1].strip()
    return re.sub(r"^(?:ValueError|RuntimeError): (?=E\d{3} )", "", line[:MAX_SHOWN])


def _raised(lines: list[str]) -> str:
    """Return the first line of the exception that the last traceback ends with, or ""."""
    starts = [number for number, line in enumerate(lines) if line.lstrip().startswith(TRACEBACK)]
    if not starts:
        return ""
    indent = len(lines[starts[-1]]) - len(lines[starts[-1]].lstrip())
    after = (line for line in lines[starts[-1] + 1 :] if not line[indent : indent + 1].isspace())
    return next(after, "").strip()
