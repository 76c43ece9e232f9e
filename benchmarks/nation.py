"""The report of a very large survey: `python benchmarks/nation.py [FOLDER [interviews [interviewers [KIND]]]]`.

Writes FOLDER/nation.parquet (22 items with 2 % missing codes, some 19 bytes an interview) or, where KIND is csv,
nation.csv (66 bytes), and FOLDER/nation.yaml, makes the report from it, and says how long that took and in how much
memory; what FOLDER has already is used again. Without FOLDER nothing is kept.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
_GLANCE = 0.25
"""Seconds between two looks at the memory."""
_ITEMS = 22
_CHUNK = 500_000
_CONFIG = """\
survey: {name: Nation, wave: 1}
data: {file: nation.KIND, respondent: idno, interviewer: intnum, duration: {minutes: minutes}}
missing_codes: {77: Refusal, 88: Don't know}
respondent_covariates: [age, {name: gender, type: categorical}]
batteries: [{name: A, items: [q01, q02, q03, q04, q05]}, {name: B, items: [q06, q07, q08, q09]}]
items:
"""


def write_survey(folder: Path, interviews: int, interviewers: int, kind: str) -> None:
    """Simulate 0-10 answers: interviewers' levels (ICC .03), age, a tendency of each respondent, and noise."""
    rng = np.random.default_rng(1)
    level = rng.standard_normal((interviewers, _ITEMS)) * 0.4
    by_age = np.linspace(-0.01, 0.01, _ITEMS)
    writer = None
    for start in range(0, interviews, _CHUNK):
        table = _chunk(rng, start, min(_CHUNK, interviews - start), level, by_age)
        path = folder / f"nation.{kind}"
        writer = writer or (arrow_csv.CSVWriter if kind == "csv" else pq.ParquetWriter)(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    slopes = {1: ", slopes: [q02]"}
    items = (f"  - {{name: q{k:02d}, scale: [0, 10]{slopes.get(k, '')}}}\n" for k in range(1, _ITEMS + 1))
    (folder / "nation.yaml").write_text(_CONFIG.replace("KIND", kind) + "".join(items), encoding="utf-8")


def _chunk(rng: np.random.Generator, start: int, m: int, level: np.ndarray, by_age: np.ndarray) -> pa.Table:
    who = rng.integers(0, len(level), m).astype(np.int32)
    age = rng.integers(15, 91, m).astype(np.int16)
    tendency = rng.standard_normal(m).astype(np.float32)
    columns = {
        "idno": np.arange(start + 1, start + m + 1),
        "intnum": who + 1_001,
        "age": age,
        "gender": rng.integers(1, 3, m).astype(np.int8),
        "minutes": np.round(np.exp(4 + 0.25 * rng.standard_normal(m))).astype(np.int16),
    }
    for k in range(_ITEMS):
        latent = 5 + level[who, k] + by_age[k] * (age - 50) + 0.9 * tendency + 2 * rng.standard_normal(m)
        answers = np.clip(np.rint(latent), 0, 10).astype(np.int8)
        missing = rng.random(m)
        answers[missing < 0.02] = 88
        answers[missing < 0.01] = 77
        columns[f"q{k + 1:02d}"] = answers
    return pa.table(columns)


def measure(folder: Path, interviews: int, interviewers: int, kind: str = "parquet") -> None:
    """Write the survey, make its report, and print what that took; the survey of an earlier time is used again."""
    size = folder / "nation.size"
    wanted = f"{interviews} {interviewers} {kind}"
    if not size.exists() or size.read_text(encoding="ascii") != wanted:
        folder.mkdir(exist_ok=True)
        write_survey(folder, interviews, interviewers, kind)
        size.write_text(wanted, encoding="ascii")
    load, started = os.getloadavg()[0], time.perf_counter()
    command = [sys.executable, "-c", "from qa_reports.cli import program; program()", "nation.yaml"]
    command += ["--output", "nation", "--formats", "html,json", "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            time.sleep(_GLANCE)
    if process.returncode != 0:
        raise SystemExit(f"the report ended with {process.returncode}")
    wall, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{interviews:,} interviews by {interviewers:,} interviewers ({kind}): {wall:.0f} s, "
        f"{used.ru_utime + used.ru_stime:.0f} s of processor, {peak / 1e6:,.0f} MB in all processes together (what "
        f"they share counted once); load when it began {load:.1f}"
    )


def _memory(process: int) -> float:
    """Bytes that a process and its children hold, each shared page divided among those that share it."""
    total = 0.0
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
        total += next(float(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    except (OSError, StopIteration):
        return total  # it has ended in the meantime, or this is no Linux
    return total + sum(_memory(int(child)) for child in children)


if __name__ == "__main__":
    place, *told = sys.argv[1:] or [""]
    asked = (*told, *("1e7", "1e3", "parquet")[len(told) :])
    interviews, interviewers, kind = int(float(asked[0])), int(float(asked[1])), asked[2]
    with tempfile.TemporaryDirectory() if not place else contextlib.nullcontext(place) as folder:
        measure(Path(folder), interviews, interviewers, kind)
