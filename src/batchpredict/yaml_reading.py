"""Read YAML of anybody's without harm."""

from typing import Any

MAX_DEPTH = 100


def safe_loader() -> Any:
    """Return the class that reads YAML into plain values, the C one where it is there."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_documents(text: str, loader: Any) -> list[Any]:
    """Return the documents of a YAML text.

    A few bytes of aliases stand for gigabytes, and deep nesting ends the process inside the C
    parser: both must be seen before anything is constructed.

    Raises:
        ValueError: There is an alias, or nesting beyond any use.
        yaml.YAMLError: The text is not YAML.
    """
    import yaml

    depth = 0
    for event in yaml.parse(text, loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > MAX_DEPTH:
            raise ValueError(f"it has an alias or is nested deeper than {MAX_DEPTH} levels")
    return list(yaml.load_all(text, loader))
