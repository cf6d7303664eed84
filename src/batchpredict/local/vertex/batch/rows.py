"""One instance on its way through a batch prediction job."""

from typing import Any, NamedTuple


class Row(NamedTuple):
    """One instance as JSON.

    Attributes:
        sent: The value that the model gets.
        echo: The members that its output line begins with, such as ``"key": "a"``.
        cells: The row of a table that it is, as read; None when it comes from a file.
    """

    sent: str
    echo: str
    cells: Any = None
