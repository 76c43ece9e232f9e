"""Time the logistic and ordinal models of the 22 items of the example wave, beside R doing the same.

    python benchmarks/categorical.py         (R with lme4 and ordinal for the second time; without it only the first)

Every item is grouped into 2 (every other one) or 4 categories and fitted with and without the three respondent
covariates, as the program does it: null and adjusted model. Intervals and predictive tails, which R does not give, are
timed apart. All times are processor seconds of the process, so that other work on the machine matters little.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from qa_reports.config import load_config
from qa_reports.effects.categorical import CategoricalFit, fit_categorical_models
from qa_reports.effects.categorical_columns import CategoricalColumns, number_categories
from qa_reports.effects.categorical_interval import latent_icc_interval
from qa_reports.effects.design import covariate_terms
from qa_reports.effects.predictive import predictive_tails
from qa_reports.libraries import load_numerical
from qa_reports.survey.clean import clean_survey
from qa_reports.survey.load import load_survey

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Print processor seconds and their ratio."""
    load_numerical()  # as the program does, which keeps what arrays leave in memory
    config = load_config(ROOT / "configs" / "example.yaml")
    survey = clean_survey(load_survey(config, ROOT / "configs"), config)
    covariates = np.column_stack(
        [term.values for covariate in survey.respondent_covariates for term in covariate_terms(covariate, survey)]
    )
    complete = np.isfinite(covariates).all(axis=1)
    grouped = {}
    for k, item in enumerate(survey.items):
        cuts = np.nanquantile(item.answers, [0.5] if k % 2 else [0.25, 0.5, 0.75])
        category = np.searchsorted(np.unique(cuts), item.answers, side="left").astype(float)
        grouped[item.name] = np.where(np.isfinite(item.answers) & complete, category, np.nan)
    null, adjusted = [], []
    for category in grouped.values():
        rows = np.flatnonzero(np.isfinite(category))
        numbers = number_categories(category[rows])[1]
        null.append(CategoricalColumns(np.empty((rows.size, 0)), numbers, survey.interviewer[rows]))
        adjusted.append(CategoricalColumns(covariates[rows], numbers, survey.interviewer[rows]))
    interviewers = len(survey.interviewer_ids)
    started = time.process_time()
    fits = fit_categorical_models(null, interviewers), fit_categorical_models(adjusted, interviewers)
    ours = time.process_time() - started
    sys.stdout.write(f"{2 * len(null)} models here: {ours:.2f} s\n")
    started = time.process_time()
    for columns, fit in zip(null, fits[0], strict=True):
        if isinstance(fit, CategoricalFit):
            latent_icc_interval(columns, fit)
    sys.stdout.write(f"intervals: {time.process_time() - started:.2f} s\n")
    started = time.process_time()
    for columns, fit in zip(adjusted, fits[1], strict=True):
        if isinstance(fit, CategoricalFit):
            predictive_tails(columns, fit, np.arange(fit.n_categories, dtype=float), interviewers)
    sys.stdout.write(f"predictive tails: {time.process_time() - started:.2f} s\n")
    if shutil.which("Rscript"):
        with tempfile.TemporaryDirectory() as folder:
            wave = Path(folder) / "wave.csv"
            _write(wave, survey.interviewer, covariates, grouped)
            theirs = float(_run_r(wave))
        sys.stdout.write(f"the same models in R: {theirs:.2f} s, {theirs / ours:.0f} times as long\n")


def _write(path: Path, interviewer: np.ndarray, covariates: np.ndarray, grouped: dict[str, np.ndarray]) -> None:
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["interviewer", "x1", "x2", "x3", *grouped])
        for row in range(len(interviewer)):
            answers = ["NA" if np.isnan(values[row]) else int(values[row]) for values in grouped.values()]
            writer.writerow([interviewer[row], *covariates[row], *answers])


def _run_r(wave: Path) -> str:
    script = str(ROOT / "benchmarks" / "categorical.R")
    return subprocess.run(["Rscript", script, str(wave)], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
