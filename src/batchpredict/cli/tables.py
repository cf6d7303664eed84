"""Plain tables: columns of text, the last as wide as it likes."""

from collections.abc import Iterable, Sequence

GAP = "  "


def table_lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table with its header in capitals."""
    lines = [[name.upper() for name in header], *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(header))]
    widths[-1] = 0
    return [
        GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
