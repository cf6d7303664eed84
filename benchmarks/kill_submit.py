"""Kill a submission at random points, 10,000 times: `python benchmarks/kill_submit.py`.

The step is a process of its own that ends itself with SIGKILL; what it asked for goes on in the
service, with delays and faults of a seeded history. It must leave one job, and know it. The last
line plants the fault that the protocol is there for: the same kills, without the wait.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

PROTOCOL = Path(__file__).resolve().parent.parent / "tests/runtime/request/protocol.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    planted = max(100, given.kills // 100)
    campaigns = (
        ("every point, and every point of the next attempt", ("every",)),
        ("random points and faults", ("random", str(given.kills), str(given.seed), "180")),
        ("planted: no wait for what is under way", ("random", str(planted), str(given.seed), "1")),
        ("planted: no look for a job", ("blind", str(planted), str(given.seed), "180")),
    )
    print("| campaign | kills | jobs too many | s |\n|---|---|---|---|")
    failed = False
    for name, arguments in campaigns:
        began = time.perf_counter()
        command = [sys.executable, str(PROTOCOL), *arguments]
        printed = subprocess.run(command, check=True, capture_output=True).stdout
        counts = json.loads(printed.splitlines()[-1])
        seconds = time.perf_counter() - began
        print(f"| {name} | {counts['kills']} | {counts['extra jobs']} | {seconds:.0f} |")
        failed |= bool(counts["extra jobs"]) is not name.startswith("planted")
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
