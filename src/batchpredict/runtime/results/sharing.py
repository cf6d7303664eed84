"""Sharing an output between steps: groups of its files, and one plan for all of them."""


def group_files(folder: str, names: list[str], groups: int) -> list[list[str]]:
    """Share files between groups of about the same size; none is empty unless all are.

    Args:
        folder: Where the files are.
        names: Their names.
        groups: The most groups there may be.

    Returns:
        The names in each group; always at least one group.
    """
    import os

    sizes = {name: os.path.getsize(os.path.join(folder, name)) for name in names}
    full = sorted((name for name in names if sizes[name]), key=lambda n: (-sizes[n], n))
    found: list[list[str]] = [[] for _ in range(max(1, min(groups, len(full))))]
    loads = [0] * len(found)
    for name in full:
        least = loads.index(min(loads))
        found[least].append(name)
        loads[least] += sizes[name]
    return [sorted(group) for group in found]


def check_parallelism(parallelism: int) -> None:
    """Refuse a number of steps below one.

    Raises:
        ValueError: E207.
    """
    if parallelism < 1:
        raise ValueError(f"E207 parallelism is {parallelism}; give the number of steps, 1 or more")


def check_parts(predictions: int, failures: int) -> None:
    """Refuse to merge parts that are not those of the same steps.

    Raises:
        ValueError: E207.
    """
    if not predictions or predictions != failures:
        raise ValueError(
            f"E207 there are {predictions} parts with predictions and {failures} with failures; "
            "give both outputs of each step parse_shards"
        )
