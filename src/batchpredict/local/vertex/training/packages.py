"""The Python packages of a training job: unpacked, not installed.

What they need must be in this environment: pip is asked, and changes nothing.
"""

import email.parser
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from google.rpc import code_pb2

from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.errors import ServiceError

ROOTS = ("setup.py", "pyproject.toml", "PKG-INFO")


def unpack_packages(uris: Sequence[str], store: ObjectStore, folder: Path) -> list[Path]:
    """Unpack wheels and source archives below ``folder``; return what is to be searched.

    Raises:
        ServiceError: A package is not there, or is neither a wheel nor a source archive.
    """
    found: list[Path] = []
    for number, uri in enumerate(uris):
        target = folder / str(number)
        target.mkdir(parents=True)
        try:
            _unpack(store.path(uri), target)
        except FileNotFoundError as error:
            raise _refusal(uri, "there is no such object", code_pb2.NOT_FOUND) from error
        except (tarfile.TarError, zipfile.BadZipFile, OSError) as error:
            raise _refusal(uri, str(error), code_pb2.INVALID_ARGUMENT) from error
        found += _searched(target)
    return found


def _unpack(package: Path, target: Path) -> None:
    if package.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(package) as wheel:
            wheel.extractall(target)
    else:
        with tarfile.open(package) as archive:
            archive.extractall(target, filter="data")


def _refusal(uri: str, what: str, code: int) -> ServiceError:
    return ServiceError(code, f"E352 the package {uri} cannot be unpacked: {what}")


def _searched(target: Path) -> Iterator[Path]:
    """Yield the folders that hold the modules of an unpacked package."""
    tops = [it for it in target.iterdir() if it.is_dir()]
    for root in [target, *tops]:
        if any((root / name).is_file() for name in ROOTS):
            yield root / "src" if (root / "src").is_dir() else root
            return
    yield target


def requirements_of(folders: Iterable[Path]) -> list[str]:
    """Return what unpacked packages say that they need, without their extras."""
    found: list[str] = []
    for folder in folders:
        files = [*folder.glob("*.egg-info/PKG-INFO"), *folder.glob("*.dist-info/METADATA")]
        for path in files or folder.glob("PKG-INFO"):
            said = email.parser.Parser().parsestr(path.read_text(errors="replace"))
            needed = said.get_all("Requires-Dist") or _of_egg(path.with_name("requires.txt"))
            found += [it for it in needed if "extra ==" not in it]
    return list(dict.fromkeys(found))


def _of_egg(path: Path) -> list[str]:
    """Return the requirements of an old source archive: up to its first section."""
    text = path.read_text() if path.is_file() else ""
    return [line for line in text.partition("[")[0].splitlines() if line.strip()]
