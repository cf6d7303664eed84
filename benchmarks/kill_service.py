"""Kill the services again and again while clients work, and read everything back.

usage: python benchmarks/kill_service.py [--rounds N] [--seed TEXT] [--home FOLDER]

Six clients make, change and delete objects, models, endpoints, batch prediction jobs and runs
over HTTP. After a random number of answers the process of the services is killed with SIGKILL and
started again over the same home; then everything that was ever acknowledged is read back. A seed
repeats the choices of the clients, not the order in which their calls meet. The exit code is 1
when something is lost or half.
"""

import argparse
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from killing.campaign import rounds  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", default=time.strftime("%Y%m%d%H%M%S"))
    parser.add_argument("--home", type=Path, help="kept, to look at what was lost")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    calls, began = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        home = arguments.home or Path(name) / "home"
        try:
            for number, (made, notes) in enumerate(
                rounds(home, arguments.seed, arguments.rounds), 1
            ):
                calls += made
                print(f"round {number}: {made} calls; {'; '.join(notes) or 'nothing to recover'}")
        except AssertionError:
            traceback.print_exc()
            return 1
    spent = time.monotonic() - began
    print(f"{calls} acknowledged calls, {arguments.rounds} kills, {spent:.0f} s: nothing lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
