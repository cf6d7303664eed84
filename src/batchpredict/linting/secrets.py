"""Tell secrets from other texts: by the parameter's name, and by well-known forms of keys."""

import re
from typing import Any

NAME = re.compile(r"(?i)(password|passwd|secret|token|api[_-]?key|private[_-]?key|credential)")
RESOURCE = re.compile(r"projects/[^/]+/secrets/[\w-]+(/versions/\w+)?")
FORMS = {
    "an access token of Google": re.compile(r"\bya29\.[\w-]{10,}"),
    "an API key of Google": re.compile(r"\bAIza[\w-]{35}"),
    "an access key of AWS": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a token of GitHub": re.compile(r"\bgh[pousr]_\w{30,}|\bgithub_pat_\w{30,}"),
    "a token of Slack": re.compile(r"\bxox[abprs]-[\w-]{10,}"),
    "the address of a webhook": re.compile(
        r"https://hooks\.slack\.com/\w+/\S+|https://chat\.googleapis\.com/v1/spaces/\S+key="
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a JSON Web Token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
}
ADVICE = "pass the name of a secret, projects/P/secrets/S/versions/V, and read it in the step"


def secret_in(name: str, value: Any) -> str:
    """Return why a parameter looks like a secret, or "". The value itself is never repeated.

    Args:
        name: The parameter.
        value: Its value or default; None when it is not known.
    """
    text = value if isinstance(value, str) else ""
    for what, form in FORMS.items():
        if form.search(text):
            return f"holds {what}, which logs and the console show; {ADVICE}"
    if NAME.search(name) and not RESOURCE.fullmatch(text) and not _is_count(name, value):
        return f"is named like a secret, and logs and the console show parameters; {ADVICE}"
    return ""


def _is_count(name: str, value: Any) -> bool:
    """Whether it is a number or a flag, such as ``max_tokens``."""
    return isinstance(value, int | float) or bool(re.search(r"(?i)(max|num|count)", name))
