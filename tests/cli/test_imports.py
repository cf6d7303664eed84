"""What needs no cloud must not load the cloud's libraries, which take seconds to import.

A verb that asks nothing of the cloud has its lines in ``CLOUD_FREE``.
"""

import json
import subprocess
import sys
from pathlib import Path

HEAVY = ("google.cloud.aiplatform", "google.cloud.aiplatform_v1", "grpc")
CLOUD_FREE: tuple[tuple[str, ...], ...] = (
    # They run one after the other in one process, from the second on in the project of the first.
    ("init", "project", "--yes"),
    ("components", "list"),
    ("components", "show", "gate"),
    ("pipelines", "list"),
    ("pipelines", "show", "train_and_score"),
    ("pipelines", "graph", "train_and_score"),
    ("compile", "--check"),
    ("check",),
    ("config", "show", "--env", "dev"),
    ("config", "schema"),
    ("submit", "train_and_score", "--env", "dev", "--dry-run"),
    ("schedule", "next", "--env", "dev", "--cron", "0 6 * * *", "--timezone", "Europe/Berlin"),
)
PROGRAM = """
import contextlib, io, json, os, sys
from batchpredict.cli import commands
from batchpredict.errors import BatchpredictError

verbs, heavy = json.loads(sys.argv[1])
found = {}
for verb in verbs:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            commands.main(verb, prog_name="batchpredict", standalone_mode=False)
            end = ""
        except BatchpredictError as error:
            end = str(error)
    found[" ".join(verb)] = [end, [name for name in heavy if name in sys.modules]]
    if verb[0] == "init":
        os.chdir(verb[1])
print(json.dumps(found))
"""


def test_verbs_that_need_no_cloud_do_not_load_it(tmp_path: Path) -> None:
    told = json.dumps([[["--help"], *CLOUD_FREE], HEAVY])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, told],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 1 + len(CLOUD_FREE)
    for verb, (end, loaded) in found.items():
        assert end == "", f"{verb} ended with {end}"
        assert loaded == [], f"{verb} imports {loaded}"
