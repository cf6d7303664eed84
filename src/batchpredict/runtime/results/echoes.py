"""Input rows in the form in which an output repeats them."""

from typing import Any


def echo_form(instances: list[str]) -> dict[str, Any]:
    """Return how an output repeats its instances, told from some of them.

    Args:
        instances: JSON texts of instances of the output; none when it shows none.

    Returns:
        ``list`` whether they are lists; ``names`` of their fields, empty when these differ;
        ``texts`` whether all values are texts, as AutoML repeats them.
    """
    import json

    values = [json.loads(text) for text in instances]
    fields = [value if isinstance(value, dict) else {} for value in values]
    parts = [part for field in fields for part in field.values()]
    return {
        "list": bool(values) and isinstance(values[0], list),
        "names": list(fields[0]) if len({frozenset(field) for field in fields}) == 1 else [],
        "texts": bool(parts) and all(isinstance(part, str) for part in parts),
    }


def as_echoed(instance: str, echo: dict[str, Any], key_field: str, included: list[str]) -> str:
    """Return an input row as the output repeats it.

    Args:
        instance: JSON text of the input row.
        echo: From ``echo_form``.
        key_field: A field that the model did not get.
        included: The fields that the model got, in order; all but ``key_field`` when empty.
    """
    import json

    try:
        value = json.loads(instance)
    except (ValueError, RecursionError):
        return instance
    if isinstance(value, dict):
        names = included or [name for name in value if name != key_field]
        if echo["list"]:
            value = [value.get(name) for name in names]
        elif echo["names"] and set(echo["names"]) <= set(value):
            value = {name: value[name] for name in echo["names"]}
    if echo["names"] == ["data"] and not (isinstance(value, dict) and "data" in value):
        value = {"data": value}  # as the prebuilt containers of PyTorch get it
    return json.dumps(value)


def as_texts(instance: str) -> str:
    """Return an instance with each value as a text, a number in one spelling.

    AutoML repeats 1 and 1.0 as the texts that its input held; which they were is not known here.

    Args:
        instance: JSON text.
    """
    import json
    import re

    def text_of_value(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: text_of_value(part) for name, part in value.items()}
        text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
        if not re.fullmatch(r"-?\d{1,15}(?:\.\d+)?(?:[eE][-+]?\d{1,2})?", text):
            return text
        number = float(text)
        return str(int(number)) if number.is_integer() else repr(number)

    try:
        value = json.loads(instance)
        if isinstance(value, list):  # the fields, as a model gets them with instance type array
            return json.dumps([text_of_value(part) for part in value])
        return json.dumps(text_of_value(value))
    except (ValueError, RecursionError):
        return instance
