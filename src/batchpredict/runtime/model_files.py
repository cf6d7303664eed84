"""What a model file says about the library that wrote it, without loading it."""


def written_with(folder: str) -> str:
    """Return the library and version that wrote the model, such as ``scikit-learn 1.6.1``.

    The file is searched as bytes and never unpickled: unpickling runs code.

    Args:
        folder: Folder with ``model.joblib``, ``model.pkl`` or ``model.bst``.

    Returns:
        Library and version, or "" when the file does not say (a compressed pickle, say).
    """
    from pathlib import Path

    patterns = {
        "scikit-learn": rb"_sklearn_version.{1,8}?(\d+\.\d+(?:\.\w+)*)",
        "XGBoost": rb'"version":\s*\[(\d+),\s*(\d+),\s*(\d+)\]',
    }
    for name in ("model.joblib", "model.pkl", "model.bst", "model.json", "model.ubj"):
        path = Path(folder) / name
        if not path.is_file():
            continue
        content = path.read_bytes()
        if found := first_version(content, patterns):
            return found
        if found := ubjson_version(content):
            return f"XGBoost {found}"
    return ""


def first_version(content: bytes, patterns: "dict[str, bytes]") -> str:
    """Return the first library whose pattern is in ``content``, with its version."""
    import re

    for library, pattern in patterns.items():
        match = re.search(pattern, content, re.DOTALL)
        if match:
            return f"{library} {b'.'.join(match.groups()).decode()}"
    return ""


def ubjson_version(content: bytes) -> str:
    """Return the version of XGBoost in a Universal Binary JSON file, or ""."""
    import re

    match = re.search(rb"version\[#L.{7}\x03i(.)i(.)i(.)", content, re.DOTALL)
    return ".".join(str(number[0]) for number in match.groups()) if match else ""


def check_versions(folder: str, serving_image: str) -> str:
    """Return what wrote the model, having compared it with the prebuilt container that serves it.

    A model of XGBoost 3.1 loads in the container of 2.1 and gives wrong numbers without a word; a
    model of scikit-learn 1.9 does not load in that of 1.6.

    Args:
        folder: Folder of the model file.
        serving_image: Image that will serve it; one that is not a prebuilt scikit-learn or
            XGBoost container is not compared.

    Raises:
        ValueError: There is no model file, or the minor versions differ.
    """
    import re
    from pathlib import Path

    names = ("model.joblib", "model.pkl", "model.bst")
    image = re.search(r"/prediction/(sklearn|xgboost)-cpu\.(\d+)-(\d+)", serving_image)
    if image is None:
        return written_with(folder)
    if not any((Path(folder) / name).is_file() for name in names):
        raise ValueError(f"E255 there is none of {', '.join(names)} in {folder}")
    written = written_with(folder)
    library, _, version = written.partition(" ")
    wanted = f"{image[2]}.{image[3]}"
    if written and version.split(".")[:2] != wanted.split("."):
        raise ValueError(
            f"E256 the model was written by {library} {version}, the container {serving_image} "
            f"loads it with {wanted}; train with {library} {wanted} or choose another container"
        )
    return written
