"""Our linear fits beside lme4's and statsmodels', in one run, with the log-likelihoods compared.

    OPENBLAS_NUM_THREADS=1 python benchmarks/kernel.py

22 items of the example wave by the null, the adjusted, the slope and the covariates model (adjusted, with covariates of
the interviewers), leaving every interviewer out of every null model, and profile intervals of its two variances. Times
are processor seconds, so that other work on the machine matters little: the median of some runs of ours, the fastest
and the slowest in brackets, in turns with those of lme4. Memory that is freed is kept, as the program keeps it. Ours
are timed all together; lme4's leave-one-out refits and profiles are timed on a sample (20 refits, 3 profiles) and
multiplied, because all of them take hours. R with lme4 and jsonlite is used where `Rscript` is found, and left out with
a word otherwise.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import statsmodels
from statsmodels.regression.mixed_linear_model import MixedLM

from qa_reports.effects.influence import delete_interviewers
from qa_reports.effects.intervals import icc_intervals, single_term_intervals
from qa_reports.effects.mixed_model import MixedModelFits, fit_mixed_models
from qa_reports.effects.moments import Columns, Moments, compute_moments
from qa_reports.libraries import load_numerical

ROOT = Path(__file__).resolve().parents[1]
RUNS = 5
ROUNDS = 5
"""In each of which ours are timed, and lme4's."""
MODELS = ("null", "adjusted", "slope", "covariates")
LEVEL2 = ("resp_rate", "experience")
"""Covariates of the interviewers."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One row of the table."""

    name: str
    fits: int
    seconds: float
    loglik: tuple[float, ...]
    spread: tuple[float, float] = (0.0, 0.0)
    """Seconds of the fastest and of the slowest run."""


def read_example() -> tuple[pd.DataFrame, list[str]]:
    """The example wave with its codes blank, rows complete on the covariates."""
    wave = pd.read_csv(ROOT / "configs" / "example_wave.csv", low_memory=False)
    items = list(wave.columns[9:])
    for item in items:
        wave[item] = wave[item].where(wave[item] <= 10)
    wave["education"] = wave["education"].where(wave["education"] < 77)
    wave["interviewer"] = pd.factorize(wave["intnum"], sort=True)[0]
    interviewers = pd.read_csv(ROOT / "configs" / "example_interviewers.csv")
    return wave.merge(interviewers, on="intnum", how="left"), items


def columns_of(wave: pd.DataFrame, item: str, model: str) -> Columns:
    """The columns of one model, complete rows."""
    predictor = "trstprl" if item == "trstplc" else "trstplc"
    names = {
        "null": [],
        "adjusted": ["age", "gender", "education"],
        "slope": [predictor],
        "covariates": ["age", "gender", "education", *LEVEL2],
    }[model]
    used = wave[[item, *names]].notna().all(axis=1)
    rows = wave[used]
    fixed = [np.ones(len(rows))]
    for name in names:
        values = rows[name]
        fixed.append(
            (values != sorted(wave[name].unique())[0]).to_numpy(float) if name == "gender" else values.to_numpy(float)
        )
    return Columns(np.column_stack(fixed), rows[item].to_numpy(float), rows["interviewer"].to_numpy(np.int64))


def timed(work: Callable[[], object]) -> tuple[float, tuple[float, float]]:
    """Median seconds of some runs after a first one, and those of the fastest and the slowest."""
    work()
    seconds = []
    for _ in range(RUNS):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return median(seconds), (min(seconds), max(seconds))


def ours(columns: dict[str, list[Columns]], interviewers: int) -> list[Timing]:
    """Every row of the table by this program, from columns in memory: the moments are part of the time."""

    def fitted(model: str) -> tuple[Moments, MixedModelFits]:
        moments = compute_moments(columns[model], interviewers)
        return moments, fit_mixed_models(moments, (0, 1) if model == "slope" else (0,), "REML")

    rows = []
    for model, batch in columns.items():
        loglik = tuple(float(value) for value in fitted(model)[1].loglik)
        seconds, spread = timed(partial(fitted, model))
        rows.append(Timing(model, len(batch), seconds, loglik, spread))
    moments, fits = fitted("null")
    seconds, spread = timed(lambda: delete_interviewers(moments, (0,), fits))
    rows.append(Timing("left out", int((moments.n > 0).sum()), seconds, (), spread))

    def profiles() -> None:
        icc_intervals(moments, fits)
        single_term_intervals(moments, 0, fits)

    seconds, spread = timed(profiles)
    rows.append(Timing("profile", len(columns["null"]), seconds, (), spread))
    return rows


def together(rounds: Sequence[Sequence[Timing]]) -> list[Timing]:
    """The median of the rounds' medians, and the fastest and the slowest run of all."""
    rows = []
    for of_one in zip(*rounds, strict=True):
        fastest, slowest = min(one.spread[0] for one in of_one), max(one.spread[1] for one in of_one)
        seconds = median(one.seconds for one in of_one)
        rows.append(replace(of_one[0], seconds=seconds, spread=(fastest, slowest)))
    return rows


def by_statsmodels(columns: dict[str, list[Columns]]) -> list[Timing]:
    """`MixedLM.fit` with its defaults on the first four items, for it takes long."""
    rows = []
    for model, batch in columns.items():
        begin, loglik = time.process_time(), []
        for one in batch[:4]:
            random = one.fixed[:, :2] if model == "slope" else None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loglik.append(float(MixedLM(one.response, one.fixed, one.interviewer, exog_re=random).fit().llf))
        rows.append(Timing(model, 4, time.process_time() - begin, tuple(loglik)))
    return rows


def by_lme4(wave: pd.DataFrame, items: Sequence[str]) -> tuple[str, list[Timing]] | None:
    """The same fits by R, or None where R or a package is missing."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        wave.to_csv(path, index=False)
        command = ["Rscript", str(Path(__file__).with_suffix(".R")), str(path), *items]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        return None
    answer = json.loads(ended.stdout)
    rows = [Timing(row["name"], row["fits"], row["seconds"], tuple(row["loglik"])) for row in answer["results"]]
    return f"lme4 {answer['version']}, {answer['r']}", rows


def main() -> None:
    """Print the table."""
    load_numerical()
    wave, items = read_example()
    columns = {model: [columns_of(wave, item, model) for item in items] for model in MODELS}
    interviewers = int(wave["interviewer"].max()) + 1
    rounds, of_r = [], []
    for _ in range(ROUNDS):  # in turns, for a machine may be half as fast a minute later
        rounds.append(ours(columns, interviewers))
        of_r.append(by_lme4(wave, items))
    peers = [(f"statsmodels {statsmodels.__version__}", by_statsmodels(columns))]
    rounds.append(ours(columns, interviewers))
    mine, from_r = together(rounds), [found for found in of_r if found is not None]
    if from_r:
        peers.append((from_r[0][0], together([rows for _, rows in from_r])))
    else:
        print("lme4 is left out: Rscript, lme4 or jsonlite is missing", file=sys.stderr)
    print("| what | fits | ours, ms | peer | ms per fit | ratio per fit | our log-likelihood higher by | theirs by |")
    print("|---|---|---|---|---|---|---|---|")
    for name, rows in peers:
        for row in rows:
            own = next(one for one in mine if one.name == row.name)
            each = own.seconds / own.fits
            gains = np.subtract(own.loglik[: len(row.loglik)], row.loglik) if own.loglik else np.array([np.nan])
            fastest, slowest = own.spread
            print(
                f"| {row.name} | {own.fits} | {1e3 * own.seconds:.1f} ({1e3 * fastest:.1f} to {1e3 * slowest:.1f}) "
                f"| {name} | {1e3 * row.seconds / row.fits:.1f} | {row.seconds / row.fits / each:.0f} "
                f"| {gains.max():.1e} | {-gains.min():.1e} |"
            )


if __name__ == "__main__":
    main()
