"""A model's instance schema, and what in a row does not fit it."""

from typing import TYPE_CHECKING, Any

from batchpredict.runtime.vertex_api import vertex_request

if TYPE_CHECKING:
    from collections.abc import Callable


def schema_uri(model: "dict[str, Any]") -> str:
    """Return where the instance schema of a model is; "" when it has none, which is printed.

    Args:
        model: Metadata of the artifact, with ``resourceName``.

    Raises:
        ValueError: E215, the artifact names no model.
        RuntimeError: E252, Vertex AI refused.
    """
    import re

    name = str(model.get("resourceName", ""))
    parts = re.fullmatch(r"projects/[^/?#]+/locations/([^/?#]+)/models/[\w@.-]+", name)
    if not parts:
        raise ValueError(f"E215 the artifact names no model: {name[:200]!r}; give ModelUploadOp's")
    schemata = vertex_request(parts[1], "GET", name).get("predictSchemata") or {}
    uri = str(schemata.get("instanceSchemaUri") or "")
    if not uri:
        print(f"W217 {name} has no instance schema; the rows were not checked")
    return uri


def stored_uri(uri: str) -> str:
    """Return the gs:// URI of a schema; Vertex AI may give its address instead.

    Raises:
        ValueError: E215, it lies elsewhere.
    """
    import re
    from urllib.parse import unquote

    address = re.fullmatch(r"https://storage\.(?:googleapis|cloud\.google)\.com/([^?#]+)", uri)
    found = f"gs://{unquote(address[1])}" if address else uri
    if not re.fullmatch(r"gs://[^/]+/.+", found) or ".." in found.split("/"):
        raise ValueError(
            f"E215 the instance schema is at {uri[:300]!r}, which is not in Cloud Storage; give "
            "the file as instance_schema"
        )
    return found


def read_schema(uri: str, path: str) -> "dict[str, Any]":
    """Read a schema in YAML or JSON.

    Args:
        uri: Where it is; for messages.
        path: The same place as a local path.

    Raises:
        ValueError: E215, there is none, or it cannot be read.
    """
    import yaml

    try:
        with open(path, encoding="utf-8-sig") as file:
            found = yaml.safe_load(file)
    except OSError as error:
        raise ValueError(f"E215 the instance schema {uri} cannot be read: {error}") from None
    except (ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"E215 the instance schema {uri} is no YAML or JSON: {reason}") from None
    if not isinstance(found, dict):
        raise ValueError(f"E215 the instance schema {uri} is no object")
    return found


def schema_checker(schema: "dict[str, Any]", uri: str) -> "Callable[[Any], list[str]]":
    """Return a function that says what in an instance does not fit a schema.

    A schema of OpenAPI 3.0 is one of JSON Schema draft 4, but for ``nullable``; one that names
    its own ``$schema`` is of that. Nothing is fetched for a ``$ref``.

    Args:
        schema: The schema.
        uri: Where it is; for messages.

    Raises:
        ValueError: E215, it is no valid schema.
    """
    import jsonschema
    import referencing
    from jsonschema import validators

    base = validators.validator_for(schema, default=jsonschema.Draft4Validator)
    try:
        base.check_schema(schema)
    except jsonschema.SchemaError as error:
        place = ".".join(map(str, error.absolute_path))
        reason = f"{place}: {error.message[:300]}".lstrip(": ")
        raise ValueError(f"E215 the instance schema {uri} is not valid: {reason}") from None
    rules = {name: nullable_rule(rule) for name, rule in base.VALIDATORS.items()}
    validator = validators.extend(base, rules)(schema, registry=referencing.Registry())

    def misfits(instance: Any) -> list[str]:
        try:
            errors = sorted(validator.iter_errors(instance), key=lambda it: str(it.absolute_path))
        except (referencing.exceptions.Unresolvable, RecursionError) as error:
            raise RuntimeError(
                f"E215 the instance schema {uri} refers to what is not in it: {str(error)[:200]}"
            ) from None
        return [schema_misfit(error) for error in errors]

    return misfits


def nullable_rule(rule: Any) -> Any:
    """Return a rule of a validator that lets null pass where the schema says ``nullable``."""

    def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        if instance is not None or schema.get("nullable") is not True:
            yield from rule(validator, value, instance, schema) or ()

    return checked


def schema_misfit(error: Any) -> str:
    """Return what does not fit, and where in the instance, in at most 300 characters."""
    place = ".".join(map(str, error.absolute_path))
    return f"{place}: {error.message}".removeprefix(": ")[:300]
