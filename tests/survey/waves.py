"""Simulated items whose codes nobody declared, and clean ones: what the search for suspects finds. For tests and docs.

`python -m tests.survey.waves > docs/suspects.md` writes the tables (about a minute).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from qa_reports.config import ItemConfig
from qa_reports.survey.codes import CodesInForce
from qa_reports.survey.columns import FloatArray
from qa_reports.survey.interviewers import index_interviewers
from qa_reports.survey.items import clean_item
from qa_reports.survey.readers import VariableLabels
from qa_reports.survey.suspects import find_suspects

Draw = Callable[[np.random.Generator, int], FloatArray]
INTERVIEWS = 1703
INTERVIEWERS = 75
MOST_PLANTED = 5


def suspected(answers: FloatArray, scale: tuple[float, float] | None = None, **labels: float) -> list[float]:
    """The values of one item that are suspected; `labels` are value labels, label=value."""
    texts = np.array([str(row % INTERVIEWERS) for row in range(len(answers))], dtype=object)
    interviewers = index_interviewers(texts)
    named = VariableLabels(values=tuple((value, label.replace("_", " ")) for label, value in labels.items()))
    option = ItemConfig(name="q", scale=scale)
    item = clean_item(pd.Series(answers, name="q"), option, CodesInForce(), named, interviewers, "wave.csv")
    return [suspect.value for suspect in find_suspects(item, {}, interviewers)]


def plant(rng: np.random.Generator, answers: FloatArray, codes: Sequence[float]) -> tuple[FloatArray, list[float]]:
    """Put 1 to 5 codes, drawn from `codes`, in place of answers; with the distinct codes planted."""
    planted = rng.choice(np.asarray(codes, dtype=float), rng.integers(1, MOST_PLANTED + 1))
    rows = rng.choice(len(answers), len(planted), replace=False)
    spoilt = answers.copy()
    spoilt[rows] = planted
    return spoilt, sorted(set(planted.tolist()))


def scale(low: int, high: int) -> Draw:
    """A rating scale: a rounded normal whose mean and spread differ from wave to wave; 15 % answer at random."""

    def draw(rng: np.random.Generator, n: int) -> FloatArray:
        width = high - low
        mean, sd = rng.uniform(low + 0.2 * width, high - 0.2 * width), rng.uniform(0.2, 0.4) * width
        normal = np.clip(np.rint(rng.normal(mean, sd, n)), low, high)
        return np.where(rng.random(n) < 0.15, rng.integers(low, high + 1, n), normal)

    return draw


def heaped_percent(rng: np.random.Generator, n: int) -> FloatArray:
    """0 to 100, most of it in tens and fives, some people exact: 77, 88 and 99 among them."""
    exact = np.rint(100 * rng.beta(rng.uniform(0.8, 3), rng.uniform(0.8, 6), n))
    unit = rng.choice([1, 5, 10], n, p=[0.1, 0.3, 0.6])
    return np.rint(exact / unit) * unit


def ages(rng: np.random.Generator, n: int) -> FloatArray:
    """Adults of 18 and more; mortality as Gompertz has it, so that some are over 95."""
    oldest = np.rint(88 + 6.5 * rng.gumbel(0, 1, n) * -1)
    return np.rint(np.minimum(rng.uniform(18, 105, n), np.maximum(oldest, 18.0)))


def birth_years(rng: np.random.Generator, n: int) -> FloatArray:
    """Years of birth of such adults in 2026."""
    return 2026 - ages(rng, n)


def hours(rng: np.random.Generator, n: int) -> FloatArray:
    """Working hours a week, heaped at 40 and in fives, with 66, 77, 88 and 99 now and then."""
    usual = np.where(rng.random(n) < 0.4, 40, np.rint(np.abs(rng.normal(38, 14, n))))
    heaped = np.where(rng.random(n) < 0.5, np.rint(usual / 5) * 5, usual)
    return np.where(rng.random(n) < 0.004, rng.choice([66, 77, 84, 88, 99], n), np.minimum(heaped, 168))


def amounts(rng: np.random.Generator, n: int) -> FloatArray:
    """Incomes: lognormal, most of them rounded, none below 0."""
    exact = rng.lognormal(rng.uniform(6.5, 9), rng.uniform(0.5, 1.1), n)
    unit = rng.choice([1, 10, 100, 500], n, p=[0.05, 0.15, 0.5, 0.3])
    return np.rint(exact / unit) * unit


def counts(rng: np.random.Generator, n: int) -> FloatArray:
    """Small counts with a tail, such as children or visits to a doctor."""
    return rng.poisson(rng.gamma(rng.uniform(1, 4), rng.uniform(0.3, 1.2), n)).astype(float)


def rare_events(rng: np.random.Generator, n: int) -> FloatArray:
    """Counts that are 0 for most, such as accidents."""
    return rng.poisson(rng.gamma(rng.uniform(0.5, 3), rng.uniform(0.1, 0.5), n)).astype(float)


def household_size(rng: np.random.Generator, n: int) -> FloatArray:
    """Counts from 1."""
    return 1 + counts(rng, n)


def schooling(rng: np.random.Generator, n: int) -> FloatArray:
    """Years of education."""
    return np.clip(np.rint(rng.normal(13, 3.5, n)), 0, 33)


def balance(rng: np.random.Generator, n: int) -> FloatArray:
    """From -5 to 5."""
    return scale(-5, 5)(rng, n)


def short_balance(rng: np.random.Generator, n: int) -> FloatArray:
    """From -2 to 2."""
    return scale(-2, 2)(rng, n)


def yes_no(rng: np.random.Generator, n: int) -> FloatArray:
    """1 and 2."""
    return 1.0 + (rng.random(n) < rng.uniform(0.2, 0.8))


CLEAN: dict[str, Draw] = {
    "1 and 2": yes_no,
    "1 to 4": scale(1, 4),
    "1 to 5": scale(1, 5),
    "0 to 6": scale(0, 6),
    "1 to 7": scale(1, 7),
    "0 to 9": scale(0, 9),
    "0 to 10": scale(0, 10),
    "1 to 10": scale(1, 10),
    "-2 to 2": short_balance,
    "-5 to 5": balance,
    "0 to 100, in tens and fives": heaped_percent,
    "ages": ages,
    "years of birth": birth_years,
    "hours a week": hours,
    "amounts of money": amounts,
    "small counts": counts,
    "rare events": rare_events,
    "persons in the household": household_size,
    "years of education": schooling,
}
"""Items without a code, by what they are."""

PLANTED: tuple[tuple[str, Draw, tuple[float, ...]], ...] = (
    ("1 and 2", yes_no, (7, 8, 9)),
    ("1 to 4", scale(1, 4), (7, 8, 9)),
    ("1 to 4", scale(1, 4), (9,)),
    ("1 to 5", scale(1, 5), (7, 8, 9)),
    ("1 to 5", scale(1, 5), (66, 77, 88, 99)),
    ("1 to 6", scale(1, 6), (66, 77, 88, 99)),
    ("0 to 6", scale(0, 6), (9,)),
    ("1 to 7", scale(1, 7), (9,)),
    ("0 to 6", scale(0, 6), (8,)),
    ("1 to 7", scale(1, 7), (97, 98, 99)),
    ("0 to 10", scale(0, 10), (77, 88, 99)),
    ("0 to 10", scale(0, 10), (777, 888, 999)),
    ("0 to 10", scale(0, 10), (-1, -2, -8, -9)),
    ("0 to 10", scale(0, 10), (-99, -88, -77)),
    ("1 to 5", scale(1, 5), (-1, -2, -8, -9)),
    ("-5 to 5", balance, (77, 88, 99)),
    ("-5 to 5", balance, (-99, -88, -9)),
    ("0 to 100, in tens and fives", heaped_percent, (777, 888, 999)),
    ("0 to 100, in tens and fives", heaped_percent, (-1, -2, -8, -9)),
    ("ages", ages, (777, 888, 999)),
    ("ages", ages, (-1, -9)),
    ("years of birth", birth_years, (7777, 8888, 9999)),
    ("years of birth", birth_years, (77, 88, 99, 999)),
    ("hours a week", hours, (777, 888, 999)),
    ("years of education", schooling, (77, 88, 99)),
    ("small counts", counts, (77, 88, 99)),
    ("amounts of money", amounts, (-1, -2, -8, -9)),
)
"""Codes that can be found by the answers alone: nothing declared, nothing labelled."""

HIDDEN: tuple[tuple[str, Draw, tuple[float, ...]], ...] = (
    ("0 to 10", scale(0, 10), (9,)),
    ("0 to 6", scale(0, 6), (7,)),
    ("1 to 7", scale(1, 7), (8,)),
    ("0 to 100, in tens and fives", heaped_percent, (77, 88, 99)),
    ("ages", ages, (97, 98, 99)),
    ("amounts of money", amounts, (9999,)),
)
"""Codes that look like answers."""


def false_suspects(name: str, waves: int, interviews: int = INTERVIEWS) -> int:
    """In how many clean waves any value of the item is suspected."""
    rng = np.random.default_rng([20261122, list(CLEAN).index(name), interviews])
    return sum(bool(suspected(CLEAN[name](rng, interviews))) for _ in range(waves))


def found(case: tuple[str, Draw, tuple[float, ...]], waves: int, interviews: int = INTERVIEWS) -> tuple[int, int, int]:
    """(codes planted, codes found, other values suspected) over waves with 1 to 5 planted answers each."""
    name, draw, codes = case
    rng = np.random.default_rng([41, *name.encode(), *(int(abs(code)) for code in codes), interviews])
    there = hits = others = 0
    for _ in range(waves):
        spoilt, planted = plant(rng, draw(rng, interviews), codes)
        values = set(suspected(spoilt))
        there += len(planted)
        hits += len(values & set(planted))
        others += len(values - set(planted))
    return there, hits, others


def tables(waves: int) -> Iterator[str]:
    """The lines of docs/suspects.md."""
    yield "# What the search for undeclared codes finds\n"
    yield (
        f"Made by `python -m tests.survey.waves`: seeded, {waves} waves each of {INTERVIEWS:,} interviews, nothing "
        "declared and no labels.\n"
    )
    yield "| Clean item | waves with a false suspect |\n|---|---|"
    for name in CLEAN:
        yield f"| {name} | {false_suspects(name, waves)} |"
    yield "\n| Item | codes, 1 to 5 answers a wave | planted | found | other values suspected |\n|---|---|---|---|---|"
    for case in PLANTED:
        there, hits, others = found(case, waves)
        yield f"| {case[0]} | {_listed(case[2])} | {there} | {hits} | {others} |"
    yield "\nCodes that look like answers; a `scale` or value labels find those that lie outside:\n"
    yield "| Item | codes, 1 to 5 answers a wave | planted | found | other values suspected |\n|---|---|---|---|---|"
    for case in HIDDEN:
        there, hits, others = found(case, waves)
        yield f"| {case[0]} | {_listed(case[2])} | {there} | {hits} | {others} |"


def _listed(codes: Sequence[float]) -> str:
    return ", ".join(f"{code:g}" for code in codes)


if __name__ == "__main__":
    sys.stdout.write("\n".join(tables(100)) + "\n")
