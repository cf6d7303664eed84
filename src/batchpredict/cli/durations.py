"""Times that a person types, such as 90s, 10m or 1h30m."""

import re

import click

FORM = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


def read_duration(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> float | None:
    """Return the seconds that the text of an option stands for; a bare number is seconds.

    Raises:
        click.BadParameter: It is no time, or none at all.
    """
    if text is None:
        return None
    found = FORM.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    total = (hours * 60 + minutes) * 60 + seconds
    if total <= 0:
        message = f"{text!r} is no time such as 90s, 10m or 1h30m"
        raise click.BadParameter(message, context, parameter)
    return float(total)
