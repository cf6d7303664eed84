"""Runs ``-m module`` after telling KFP where gs:// is mounted; a script for the interpreter.

``_GCS_LOCAL_MOUNT_PREFIX`` is KFP's own constant for the mount point ``/gcs/``. Without a mount
namespace there is no /gcs, so the local store takes its place.
"""

import importlib
import os
import runpy
import sys


def set_prefix(root: str) -> None:
    """Makes KFP look for gs:// objects below ``root``; does nothing where there is no KFP."""
    try:
        module = importlib.import_module("kfp.dsl.types.artifact_types")
    except ImportError:
        return
    module._GCS_LOCAL_MOUNT_PREFIX = root  # type: ignore[attr-defined]


def main() -> None:
    """Runs the module named by the second argument as the interpreter would."""
    flags, module = sys.argv[1:3]
    sys.argv[:] = ["-m", *sys.argv[3:]]
    set_prefix(os.environ["BATCHPREDICT_GCS_ROOT"])
    if "P" not in flags:
        sys.path.insert(0, os.getcwd())
    runpy._run_module_as_main(module)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
