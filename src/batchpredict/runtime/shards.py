"""Lines of JSON Lines and of error counts, read strictly."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_lines(path: str, longest: int = 64 * 2**20) -> "Iterator[bytes | None]":
    r"""Yield the lines of a file, each with its ``\n``, without a byte-order mark.

    Args:
        path: A text file. Only ``\n`` ends a line, as other separators may stand inside JSON.
        longest: Bytes of the longest line that is read; None is yielded for a longer one.
    """
    with open(path, "rb") as file:
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        while line := file.readline(longest):
            if len(line) < longest or line.endswith(b"\n"):
                yield line
                continue
            while (rest := file.readline(longest)) and not rest.endswith(b"\n"):
                pass
            yield None


def strict_decoder() -> Any:
    """Return a JSON decoder that refuses NaN, Infinity and an object with the same key twice."""
    import json

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("an object holds the same key twice")
        return found

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    return json.JSONDecoder(object_pairs_hook=unique, parse_constant=refuse)


def parse_error_counts(path: str) -> list[dict[str, Any]]:
    """Read an ``errors_stats`` shard, whose lines are Python tuples ``('message', count)``.

    Args:
        path: The file; it is empty when nothing went wrong.

    Returns:
        At most 1,000 of ``message`` (at most 2,000 characters) and ``count``, which is None in a
        line that cannot be read. What is counted, rows or requests, is not documented.
    """
    import ast
    import itertools

    found: list[dict[str, Any]] = []
    for line in itertools.islice(read_lines(path, 2**20), 1000):
        text = "a line of more than a MiB" if line is None else line.decode(errors="replace")
        message, count = text.strip(), None
        try:
            pair = ast.literal_eval(message)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            pair = None
        if isinstance(pair, tuple) and [type(part) for part in pair] == [str, int]:
            message, count = pair
        if message:
            clean = message[:2000].encode(errors="replace").decode()
            found.append({"message": clean, "count": count})
    return found
