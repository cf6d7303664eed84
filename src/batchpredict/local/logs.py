"""Read the log of a step or a server."""

import re

NAMED = re.compile(r"(?:[\w.]+\.)?\w*(?:Error|Exception|Exit|Interrupt)\b(?:: .*)?|E\d{3} .*")


def last_exception(log: str) -> str:
    """Return the last line of ``log`` that names an exception or a message code.

    Without one it is the last line; the name of a ``ValueError`` or ``RuntimeError`` that only
    carries a coded message is left out.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    named = [line for line in lines if NAMED.fullmatch(line)]
    line = (named or lines or ["no output"])[-1][:1000]
    return re.sub(r"^(?:ValueError|RuntimeError): (?=E\d{3} )", "", line)
