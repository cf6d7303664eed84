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


def check_counts(counts: dict[str, int], max_failed: float, max_missing: float) -> None:
    """Refuse an output that does not account for the input well enough.

    Args:
        counts: From ``reconcile``.
        max_failed: Failed rows to allow: below 1 a share of the input rows, else a number.
        max_missing: Missing rows to allow, likewise.

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
    for name, allowed in (("failed", max_failed), ("missing", max_missing)):
        most = allowed * given if allowed < 1 else allowed
        if counts[name] > most:
            raise ValueError(
                f"E223 {counts[name]} of {given} rows {name}, max_{name} allows {most:g}; "
                f"the output 'failures' names them, raise max_{name} to accept them"
            )
