"""Import parts of a package without the package's own module, until somebody asks for that.

``google.cloud.aiplatform_v1`` imports the clients of 25 services and ``kfp`` that of Kubernetes:
half of the time until a run's first step, for things that the services do not use. Here such a
package begins as a module that finds its parts only. The first question for anything else loads it
as it always is, in the same module, so that nobody can tell the difference but by the clock.
"""

import importlib
import sys
import threading
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

_lock = threading.RLock()
_loading: set[str] = set()
_OF_THE_WHOLE = ("__all__", "__version__")


class _Parts(ModuleType):
    """A package of which only parts have been imported."""

    def __getattr__(self, name: str) -> Any:
        part = f"{self.__name__}.{name}"
        if name.startswith("__") and name not in _OF_THE_WHOLE:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if find_spec(part):
            return importlib.import_module(part)
        _load_whole(self)
        if type(self) is _Parts:  # this thread is about to load it
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} yet")
        return getattr(self, name)

    def __dir__(self) -> list[str]:
        _load_whole(self)
        return list(ModuleType.__dir__(self))


def _load_whole(package: ModuleType) -> None:
    """Load a package, unless it is loaded; other threads wait, the one that loads it does not."""
    with _lock:
        if type(package) is not _Parts or package.__name__ in _loading:
            return
        spec = package.__spec__
        assert spec is not None
        assert spec.loader is not None
        _loading.add(package.__name__)
        try:
            spec.loader.exec_module(package)
            package.__class__ = ModuleType  # type: ignore[assignment]
        finally:
            _loading.remove(package.__name__)


def import_parts_of(*packages: str) -> None:
    """Let the parts of packages be imported without the packages, which must not be loaded yet."""
    for name in packages:
        if name in sys.modules or (spec := find_spec(name)) is None:
            continue
        module = module_from_spec(spec)
        module.__class__ = _Parts
        sys.modules[name] = module
        above, _, last = name.rpartition(".")
        if above:
            setattr(sys.modules[above], last, module)
