"""How many rows may fail or be missing before a step fails."""


def check_thresholds(max_failed: float, max_missing: float) -> None:
    """Refuse a threshold below zero.

    Raises:
        ValueError: E207.
    """
    for name, value in (("max_failed", max_failed), ("max_missing", max_missing)):
        if not value >= 0:
            raise ValueError(
                f"E207 {name} is {value}; give 0, a share below 1, or a number of rows"
            )


def check_counts(
    counts: dict[str, int], max_failed: float, max_missing: float, failures: str
) -> None:
    """Refuse an output that does not account for the input well enough.

    Shares are compared, not numbers of rows: 29 / 100 is 0.29, but 0.29 * 100 is below 29.

    Args:
        counts: From ``reconcile``.
        max_failed: Failed rows to allow: below 1 a share of the input rows, else a number.
        max_missing: Missing rows to allow, likewise.
        failures: URI of the failures, for the message.

    Raises:
        ValueError: E224 unexpected or duplicate rows, E223 too many failed or missing ones.
    """
    given = counts["input"]
    if counts["unexpected"] or counts["duplicate"]:
        raise ValueError(
            f"E224 the output holds {counts['unexpected']} rows that belong to none of the "
            f"{given} input rows and {counts['duplicate']} duplicates; give the instances of this "
            "very job, and key_field the name of their key"
        )
    found = []
    for name, most in (("failed", max_failed), ("missing", max_missing)):
        rows, whole = counts[name], given if most < 1 else 1
        if rows and rows / whole > most:
            found.append(
                f"{rows} of {given} rows {name}, max_{name} allows {int(most * whole + 1e-6)}; "
                f"that is {100 * rows / given:.3g} %, and max_{name} is {most:g}; "
            )
    if found:
        raise ValueError(
            f"E223 {''.join(found)}{failures} names these rows and why: mend them and predict "
            "them again, or raise the limit"
        )
