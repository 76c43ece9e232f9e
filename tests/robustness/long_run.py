"""A long run of random cases that goes on after what it finds.

    python -m tests.robustness.long_run surveys --cases 2000 --seed 1 --log surveys.jsonl

Every batch of cases has a seed of its own, stands in the log as one line of JSON, and ends at its first finding, which
is printed with its traceback; `--seed` of that batch and `--cases 1` repeat it. Docs: docs/robustness.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from qa_reports import second_core
from tests.robustness.kinds import KINDS, Kind

BATCH = 50
"""Cases per seed: Hypothesis varies more within a batch than at its beginning."""


def one_batch(kind: Kind, number: int) -> tuple[Counter[str], str | None]:
    """How the cases of a seed ended, and the traceback of the one that was not sound."""
    ends: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=BATCH, deadline=None, database=None, phases=(Phase.generate,), suppress_health_check=HealthCheck
    )
    @given(kind.cases)
    def one(case: object) -> None:
        ends["cases"] += 1
        ends[kind.attempt(case)] += 1

    try:
        one()
    except Exception:
        return ends, traceback.format_exc()
    return ends, None


def main() -> int:
    """Run, and return 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=[*KINDS, "all"])
    parser.add_argument("--cases", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the first batch")
    parser.add_argument("--log", type=Path, help="one line of JSON per batch is added to this file")
    asked = parser.parse_args()
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", message="unclosed file .*sRGB2014.icc", category=ResourceWarning)
    second_core.can_fork = lambda: False  # tracebacks and warnings of a second process would not be seen here
    total: Counter[str] = Counter()
    for name in KINDS if asked.kind == "all" else [asked.kind]:
        ends, number = Counter[str](), asked.seed
        while ends["cases"] < asked.cases:
            began = time.process_time()
            batch, found = one_batch(KINDS[name], number)
            if not batch["cases"]:
                raise RuntimeError(found or "no case was made")
            ends += batch
            ends["findings"] += found is not None
            if found:
                print(f"{name}, seed {number}:\n{found}", flush=True)
            if asked.log:
                line = {"kind": name, "seed": number, **batch, "cpu": time.process_time() - began, "found": found}
                with asked.log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(line) + "\n")
            number += 1
        print(f"{name}: {', '.join(f'{count:,} {end}' for end, count in sorted(ends.items()))}", flush=True)
        total += ends
    return int(total["findings"] > 0)


if __name__ == "__main__":
    sys.exit(main())
