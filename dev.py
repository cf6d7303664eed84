#!/usr/bin/env python3
"""Set up, run and test this checkout with nothing but Python 3.11 to 3.13 and pip.

    python3 dev.py run [ARGUMENTS]    run the example pipeline, or `batchpredict ARGUMENTS`
    python3 dev.py test [ARGUMENTS]   every check and test, or pytest with ARGUMENTS
    python3 dev.py check              format, lint, types, layers, compiled files
    python3 dev.py lock               write run.lock and test.lock anew (needs uv)

The packages are installed into .venv from run.lock or test.lock, with hashes. A second call
installs nothing.
"""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
SOURCES = ("src/batchpredict", "components", "pipelines", "compiled")
EXAMPLE = (
    "run",
    "train_and_batch_predict",
    "-p",
    f"dataset_uri={ROOT / 'examples' / 'penguins.csv'}",
    "-p",
    "target_column=species",
)
LOOSER = (  # a test may leave its fixtures untyped
    "--allow-any-generics",
    "--allow-untyped-defs",
    "--allow-incomplete-defs",
    "--allow-untyped-calls",
    "--allow-untyped-decorators",
    "--no-check-untyped-defs",
    "--no-warn-return-any",
    "--no-warn-unused-ignores",
)
CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy", "-p", "batchpredict"),
    ("mypy", *LOOSER, "tests", "benchmarks", "dev.py"),
    ("lint-imports",),
    ("batchpredict", "compile", "--check"),
)


def main(arguments: list[str]) -> int:
    """Carry out one verb; return the exit code."""
    verb, *rest = arguments or ["help"]
    if sys.version_info[:2] < (3, 11) or sys.version_info[:2] >= (3, 14):
        return fail(f"Python 3.11, 3.12 or 3.13 is needed; this is {sys.version.split()[0]}")
    if verb == "run":
        set_up("run.lock")
        return become("batchpredict", *(rest or EXAMPLE))
    if verb == "test":
        set_up("test.lock")
        return execute("pytest", *rest) if rest else check() or test_all()
    if verb == "check":
        set_up("test.lock")
        return check()
    if verb == "lock":
        return lock()
    print(__doc__.strip())
    return 0 if verb in ("help", "-h", "--help") else 2


def fail(message: str) -> int:
    """Say what is wrong with this machine."""
    print(f"dev.py: {message}", file=sys.stderr)
    return 3


def check() -> int:
    """Run every static check; stop at the first that fails."""
    for command in CHECKS:
        print("+", *command, flush=True)
        if code := execute(*command):
            return code
    return 0


def test_all() -> int:
    """Run every test; what travels into pipelines and what checks it must be covered whole."""
    whole = "*/runtime/*,*/compiler.py,*/carrying.py"
    workers = str(min(4, os.cpu_count() or 1))  # each starts services of its own
    side_by_side = ("--numprocesses", workers, "--dist", "loadfile")
    return execute("pytest", *side_by_side, "--cov", "--cov-report=") or execute(
        "coverage", "report", f"--include={whole}", "--fail-under=100", "--show-missing"
    )


def become(tool: str, *arguments: str) -> int:
    """Let a tool take the place of this process, so that every signal is the tool's own."""
    if os.name == "nt":
        return execute(tool, *arguments)
    os.execv(BIN / tool, [str(BIN / tool), *arguments])


def execute(tool: str, *arguments: str) -> int:
    """Run a tool of the environment; return its exit code, 128 and more for a signal."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))  # while it starts
    process = subprocess.Popen([str(BIN / tool), *arguments], cwd=ROOT)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    if told:
        process.terminate()
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            continue  # the tool got it too, and ends in its own way
        return code if code >= 0 else 128 - code


def set_up(lock_file: str) -> None:
    """Bring .venv to what ``lock_file`` says and link this checkout into it."""
    if not PYTHON.is_file():
        print("Setting up .venv: about a minute, once.", file=sys.stderr, flush=True)
        # Without pip inside: Debian ships venv without ensurepip. The pip that called us serves.
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], check=True)
    stamp(f"{lock_file}.stamp", digest([ROOT / lock_file]), lambda: install(lock_file))
    files = sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.*"))
    names = [str(path) for path in files if "__pycache__" not in path.parts]
    link = digest([ROOT / "pyproject.toml"], *names)
    stamp("link.stamp", link, link_checkout)


def stamp(name: str, value: str, act: Callable[[], None]) -> None:
    """Call ``act`` unless it was done for this value already."""
    path = VENV / name
    if not path.is_file() or path.read_text() != value:
        act()
        path.write_text(value)


def digest(files: list[Path], *texts: str) -> str:
    """Return a digest of the files' content, the texts, the interpreter and this place."""
    total = hashlib.sha256(f"{sys.version} {ROOT}".encode())
    for content in (*(path.read_bytes() for path in files), *(text.encode() for text in texts)):
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()


def pip(*arguments: str) -> None:
    """Run pip for .venv; it compiles byte code whatever the environment says."""
    command = [sys.executable, "-m", "pip", "--python", str(PYTHON), *arguments]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    subprocess.run(command, check=True, env=environment, cwd=ROOT)


def install(lock_file: str) -> None:
    """Install the locked packages."""
    print(f"Installing {lock_file} …", file=sys.stderr, flush=True)
    pip("install", "-qq", "--root-user-action=ignore", "--require-hashes", "-r", lock_file)


def link_checkout() -> None:
    """Install this checkout as links, so that an edit counts at once."""
    options = ("--no-deps", "--no-build-isolation", "--config-settings", "editable_mode=strict")
    pip("install", "-qq", "--root-user-action=ignore", *options, "--editable", str(ROOT))
    subprocess.run([str(PYTHON), "-m", "compileall", "-q", str(ROOT / "build")], check=True)


def lock() -> int:
    """Resolve the dependencies anew; needs uv, which nothing else here does."""
    base = ("uv", "pip", "compile", "--universal", "--generate-hashes", "--python-version", "3.11")
    options = ("--no-emit-index-url", "--no-header", "--quiet", "--upgrade")
    extras = ("--extra", "local", "--extra", "bigquery")
    run = (*base, *options, "pyproject.toml", *extras, "--group", "build")
    test = (*run, "--group", "test", "--constraints", "run.lock", "--output-file", "test.lock")
    commands = ((*run, "--output-file", "run.lock"), test)
    return max(subprocess.run(it, check=False, cwd=ROOT).returncode for it in commands)


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except subprocess.CalledProcessError as error:
        code = fail(f"this command failed with {error.returncode}: {' '.join(error.cmd)}")
    sys.exit(code)
