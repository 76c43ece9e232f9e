"""Reads the reference results of `tests/reference` (see its README) and the data they were made from."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qa_reports.effects.mixed_model import MixedModelFits, fit_mixed_models
from qa_reports.effects.moments import Columns, Moments, compute_moments

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "tests" / "reference"
SHARED = Path(os.environ.get("QA_SHARED_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True, eq=False)
class ReferenceFit:
    """One model as lme4 fitted it, with the columns to fit it here."""

    source: str
    expected: dict[str, Any]
    columns: Columns
    groups: list[str]
    terms: list[str]
    random: tuple[int, ...]

    def moments(self) -> Moments:
        return compute_moments([self.columns], len(self.groups), centre_fixed=0 in self.random)

    def fitted(self) -> MixedModelFits:
        return fit_mixed_models(self.moments(), self.random, self.expected["method"])


def read_tables(name: str) -> dict[str, Any]:
    return json.loads((REFERENCE / f"{name}.json").read_text("utf-8"))


def fit_ids(name: str, *, only: str = "") -> list[tuple[str, str, str]]:
    return [(name, fit["name"], fit["method"]) for fit in read_tables(name)["fits"] if only in fit["name"]]


def read_data(source: str) -> pd.DataFrame:
    source = source.removeprefix("inference_").removesuffix("_joint")
    if source == "example":
        wave = pd.read_csv(ROOT / "configs" / "example_wave.csv", low_memory=False)
        return wave.merge(pd.read_csv(ROOT / "configs" / "example_interviewers.csv"), on="intnum", how="left")
    if source.startswith("ess11"):
        folder = SHARED / source
        if not folder.is_dir():
            pytest.skip("the European Social Survey files are not here")
        main, interviewer = (
            pd.read_csv(folder / f"{source}_{part}.csv", low_memory=False) for part in ("main", "interviewer")
        )
        return main.merge(interviewer, on=["cntry", "idno"])
    table = pd.read_csv(REFERENCE / f"{source.removesuffix('_unbalanced')}.csv")
    if source == "sleepstudy_unbalanced":
        table = table[table["kept"] == 1]
    if "Days" in table:
        half = (table["Days"] - 4.5) / 3
        table = table.assign(half_days=half, half_days_squared=half**2)
    return table


def reference_fit(source: str, name: str, method: str) -> ReferenceFit:
    tables = read_tables(source)
    expected = next(fit for fit in tables["fits"] if (fit["name"], fit["method"]) == (name, method))
    table = read_data(source)
    for column, codes in tables["meta"].get("missing_codes", {}).items():
        left_in = "with_88" in name and column == "trstplc"
        dropped = [code for code in codes if not (left_in and code == 88)]
        table[column] = table[column].where(~table[column].isin(dropped))
    if "without_planted" in name:
        table = table[~table["intnum"].isin([4976, 7519])]
    group = tables["meta"]["group"]
    used = [expected["outcome"], *expected["covariates"], *expected["slopes"]]
    table = table.dropna(subset=list(dict.fromkeys([*used, group])))
    terms, fixed = design(table, expected)
    codes, groups = pd.factorize(table[group].astype(str), sort=True)
    random = ([0] if expected["random_intercept"] else []) + [terms.index(slope) for slope in expected["slopes"]]
    columns = Columns(fixed, table[expected["outcome"]].to_numpy(float), codes.astype(np.int64))
    return ReferenceFit(source, expected, columns, list(groups), terms, tuple(random))


def design(table: pd.DataFrame, expected: dict[str, Any]) -> tuple[list[str], np.ndarray]:
    """Fixed-effect columns in R's order and with R's names."""
    columns = {"(Intercept)": np.ones(len(table))}
    for name in dict.fromkeys([*expected["covariates"], *expected["slopes"]]):
        if name in expected["categorical"]:
            for level in sorted(table[name].unique())[1:]:
                text = f"{level:g}" if isinstance(level, float) else str(level)
                columns[f"{name}{text}"] = (table[name] == level).to_numpy(float)
        else:
            columns[name] = table[name].to_numpy(float)
    for name in expected["interactions"]:
        first, second = name.split(":")
        columns[name] = columns[first] * columns[second]
    order = [effect["term"] for effect in expected["fixed"]]
    assert set(order) == set(columns)
    return order, np.column_stack([columns[name] for name in order])
