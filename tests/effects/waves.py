"""Whole simulated waves of a survey: normal interviewers, and planted ones; as a file delivers them, then cleaned.

150 interviewers, 1,703 interviews and 22 items of 0 to 10 in six batteries, with correlated answers and correlated
interviewer effects (ICC .02 to .15), two items whose slopes vary between interviewers, unanswered questions that
differ between respondents and interviewers, and the length of the interviews.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from qa_reports.config import ReportConfig
from qa_reports.survey.clean import Survey, clean_survey
from qa_reports.survey.load import SurveyFile

FloatArray = np.ndarray

BATTERIES = (3, 7, 3, 3, 3, 3)
ITEMS = sum(BATTERIES)
BATTERY = np.repeat(np.arange(len(BATTERIES)), BATTERIES)
"""(K,) the battery of each item."""
DONT_KNOW, REFUSAL, FORGOTTEN = 77, 88, 99
"""Codes; the last one is declared nowhere."""
SD = 2.1
"""Of an answer before rounding, scale points."""

LOADINGS = (0.35, 0.55)
"""Of an answer on what is common to all items, and to those of a battery."""
BETWEEN_LOADINGS = (float(np.sqrt(0.3)), float(np.sqrt(0.3)))
"""The same of interviewer effects: they correlate .3 between and .6 within batteries."""
_SPREAD_OF_MINUTES = (0.1, 0.2)
"""Standard deviations of log minutes between interviewers and between interviews."""


@dataclass(frozen=True, slots=True)
class Slope:
    """An item that depends on another one, differently for each interviewer."""

    outcome: int
    predictor: int
    slope: float
    residual: float
    """Variance, squared scale points."""
    intercept: float
    """Variance between interviewers at the predictor's mean."""
    between: float
    """Variance of the slopes between interviewers."""


FLAT, STEEP = Slope(2, 12, 0.14, 2.5, 0.35, 0.012), Slope(20, 15, 0.8, 1.8, 0.15, 0.01)
"""The course example's slope, and one that is strong enough to be seen turned round."""
SLOPES = (FLAT, STEEP)

Shape = Literal["rating", "skewed"]


@dataclass(frozen=True, slots=True)
class Design:
    """What a wave of normal interviewers is like."""

    interviewers: int = 150
    interviews: int = 1703
    icc: tuple[float, float] = (0.02, 0.15)
    """Of the items, evenly between these two."""
    most: int = 40
    """Largest workload; the smallest is 1."""
    tails: int | None = None
    """Degrees of freedom of the t distribution of interviewer effects; None: normal."""
    tau: float = 0.0
    """Standard deviation between interviewers of the log residual standard deviation."""
    shape: Shape = "rating"
    slopes: bool = False
    """Whether the slopes of two items are modelled, too."""
    nonresponse: float = 0.3
    """Standard deviation between interviewers of the logit of not answering; with 0.8 between respondents this is an
    interviewer ICC of item nonresponse below .02."""

    @property
    def iccs(self) -> FloatArray:
        """(K,) in an order that has nothing to do with batteries."""
        return np.random.default_rng(22).permutation(np.linspace(*self.icc, ITEMS))


@dataclass(slots=True)
class Wave:
    """A wave before it becomes a file; n interviews. Planted interviewers change it in place."""

    design: Design
    rng: np.random.Generator
    owner: np.ndarray
    """(n,) interviewer of each interview."""
    latent: FloatArray
    """(n, K) standard deviations of an answer from its mean; what is planted in levels and spread changes this."""
    within: FloatArray
    """(n, K) the respondent's part of it."""
    turned: dict[int, FloatArray] = field(default_factory=dict)
    """Outcome of a slope -> (n,) what is added to the interview's slope."""
    changes: list[Callable[[Answers], None]] = field(default_factory=list)
    """What is planted in the answers themselves."""


@dataclass(slots=True)
class Answers:
    """What a wave delivers, changed in place by what is planted."""

    rng: np.random.Generator
    owner: np.ndarray
    values: FloatArray
    """(n, K) answers, codes among them once the questions that were not answered are known."""
    refused: np.ndarray
    dont_know: np.ndarray
    """(n, K)."""
    minutes: FloatArray
    """(n,)."""


Planting = Callable[[Wave, int], None]
"""Makes an interviewer (by position) something else than normal."""


@dataclass(frozen=True, slots=True)
class Planted:
    """An interviewer who is not normal, and what ought to be said of them."""

    name: str
    plant: Planting
    kind: str
    """The kind of flag that should be named first."""
    workload: tuple[int, int] = (12, 25)


def make_wave(seed: int, design: Design, planted: Sequence[Planted] = ()) -> Survey:
    """A cleaned wave whose first interviewers are the planted ones."""
    return clean_survey(deliver(seed, design, planted), config(design))


def config(design: Design) -> ReportConfig:
    """What a user would write for such a wave."""
    starts = np.cumsum((0, *BATTERIES))
    slopes = {one.outcome: [f"item{one.predictor}"] for one in SLOPES} if design.slopes else {}
    return ReportConfig.model_validate(
        {
            "survey": {"name": "Simulated"},
            "data": {"file": "simulated.csv", "interviewer": "interviewer", "duration": {"minutes": "minutes"}},
            "missing_codes": {DONT_KNOW: "Don't know", REFUSAL: "Refusal"},
            "items": [
                {"name": f"item{k}", "scale": _scale(k, design.shape), "slopes": slopes.get(k, [])}
                for k in range(ITEMS)
            ],
            "batteries": [
                {"name": f"Battery {b + 1}", "items": [f"item{k}" for k in range(starts[b], starts[b + 1])]}
                for b in range(len(BATTERIES))
            ],
        }
    )


def deliver(seed: int, design: Design, planted: Sequence[Planted]) -> SurveyFile:
    """The wave as a file."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(design.interviewers), workloads(rng, design, planted))
    wave = _normal(rng, design, owner)
    for position, one in enumerate(planted):
        one.plant(wave, position)
    answers = _answer(wave)
    for change in wave.changes:
        change(answers)
    values = np.where(answers.dont_know, DONT_KNOW, answers.values)
    values = np.where(answers.refused, REFUSAL, values)
    table = pd.DataFrame({f"item{k}": values[:, k] for k in range(ITEMS)})
    table["interviewer"], table["minutes"] = owner + 1, answers.minutes
    return SurveyFile(table, {}, (), ())


def workloads(rng: np.random.Generator, design: Design, planted: Sequence[Planted]) -> np.ndarray:
    """(J,) interviews of each: geometric, or log-normal where a few do very many; those of the planted as asked."""
    j, mean = design.interviewers, design.interviews / design.interviewers
    if design.most > 40:
        counts = np.clip(np.rint(rng.lognormal(np.log(mean) - 0.6, 1.1, j)), 1, design.most).astype(int)
    else:
        counts = np.minimum(1 + rng.geometric(1 / (mean - 1), j), design.most)
    for position, one in enumerate(planted):
        counts[position] = rng.integers(*one.workload, endpoint=True)
    while (missing := design.interviews - counts.sum()) != 0:
        position = rng.integers(len(planted), j)
        counts[position] = np.clip(counts[position] + np.sign(missing), 1, design.most)
    return counts


def _normal(rng: np.random.Generator, design: Design, owner: np.ndarray) -> Wave:
    j, n = design.interviewers, len(owner)

    def effect(size: tuple[int, int]) -> FloatArray:
        if design.tails is None:
            return rng.normal(size=size)
        return rng.standard_t(design.tails, size) / np.sqrt(design.tails / (design.tails - 2))

    def common(loadings: tuple[float, float], draw: Callable[[tuple[int, int]], FloatArray], rows: int) -> FloatArray:
        """(rows, K) of variance 1: what is common to all items, to a battery, and an item's own part."""
        general, battery = loadings
        return np.asarray(
            general * draw((rows, 1))
            + battery * draw((rows, len(BATTERIES)))[:, BATTERY]
            + np.sqrt(1 - general**2 - battery**2) * draw((rows, ITEMS))
        )

    between = common(BETWEEN_LOADINGS, effect, j)
    within = common(LOADINGS, rng.standard_normal, n)
    within *= np.exp(design.tau * rng.normal(size=j))[owner, None] * np.sqrt(1 - design.iccs)
    return Wave(design, rng, owner, np.sqrt(design.iccs) * between[owner] + within, within)


def _answer(wave: Wave) -> Answers:
    rng, owner, design = wave.rng, wave.owner, wave.design
    j, n = design.interviewers, len(owner)
    values = np.column_stack([_on_scale(wave.latent[:, k], k, design.shape) for k in range(ITEMS)])
    if design.shape == "rating":
        for one in SLOPES:
            from_mean = values[:, one.predictor] - values[:, one.predictor].mean()
            own = wave.turned.get(one.outcome, 0.0) + np.sqrt(one.between) * rng.normal(size=j)[owner]
            # The own part of the answer: what is planted in the level is in the latent answer.
            level = (
                SD
                * (wave.latent - wave.within)[:, one.outcome]
                * np.sqrt(one.intercept / (SD**2 * design.iccs[one.outcome]))
            )
            noise = np.sqrt(one.residual) * rng.normal(size=n)
            values[:, one.outcome] = np.clip(np.rint(5 + (one.slope + own) * from_mean + level + noise), 0, 10)
    between, across = _SPREAD_OF_MINUTES
    minutes = np.exp(4.05 + between * rng.normal(size=j)[owner] + across * rng.normal(size=n))
    tendency = design.nonresponse * rng.normal(size=j)[owner, None] + 0.8 * rng.normal(size=(n, 1))
    dont_know = rng.random(values.shape) < 1 / (1 + np.exp(4.2 - tendency))
    refused = rng.random(values.shape) < 1 / (1 + np.exp(6.5 - tendency))
    return Answers(rng, owner, values, refused, dont_know, minutes)


def _scale(k: int, shape: Shape) -> list[int]:
    return [0, 10] if shape == "rating" else ([0, 10], [1, 4], [0, 1])[k % 3]


def _on_scale(latent: FloatArray, k: int, shape: Shape) -> FloatArray:
    """Means from 3.5 to 6.5; skewed waves have counts with 45 % zeros, .88 in one of four, and events of 3 %."""
    if shape == "rating":
        return np.clip(np.rint(np.linspace(3.5, 6.5, ITEMS)[k] + SD * latent), 0, 10)
    if k % 3 == 0:
        return np.clip(np.floor(0.74 + 2.0 * latent) + 0.0, 0, 10)
    if k % 3 == 1:
        return 1.0 + np.digitize(latent, [1.175, 1.645, 2.05])
    return (latent > 1.88).astype(float)


# What can be planted


def copies(wave: Wave, j: int) -> None:
    """Near-duplicates: half of the interviews are copies of one, each with two answers changed."""

    def change(answers: Answers) -> None:
        own = np.flatnonzero(answers.owner == j)
        copied = own[1 : 1 + len(own) // 2]
        for table in (answers.values, answers.refused, answers.dont_know):
            table[copied] = table[own[0]]
        for row in copied:
            answers.values[row, wave.rng.choice(ITEMS, 2, replace=False)] = wave.rng.integers(0, 11, 2)

    wave.changes.append(change)


def speed(share: float) -> Planting:
    """Interviews that take `share` of the usual time."""

    def plant(wave: Wave, j: int) -> None:
        def change(answers: Answers) -> None:
            answers.minutes[answers.owner == j] *= share

        wave.changes.append(change)

    return plant


def alike(share: float) -> Planting:
    """Answers with `share` of the usual spread."""

    def plant(wave: Wave, j: int) -> None:
        own = wave.owner == j
        wave.latent[own] -= (1 - share) * wave.within[own]
        wave.within[own] *= share

    return plant


def straightline(wave: Wave, j: int) -> None:
    """Three quarters of the batteries get the answer to their first item throughout."""

    def change(answers: Answers) -> None:
        for row in np.flatnonzero(answers.owner == j):
            for battery in np.flatnonzero(wave.rng.random(len(BATTERIES)) < 0.75):
                items = np.flatnonzero(battery == BATTERY)
                answers.values[row, items] = answers.values[row, items[0]]

    wave.changes.append(change)


def refuse(wave: Wave, j: int) -> None:
    """A third of the interviews with eight refusals of 22."""

    def change(answers: Answers) -> None:
        own = np.flatnonzero(answers.owner == j)
        for row in wave.rng.choice(own, int(np.ceil(len(own) / 3)), replace=False):
            answers.refused[row, wave.rng.choice(ITEMS, 8, replace=False)] = True

    wave.changes.append(change)


def turn(slope: Slope, by: float) -> Planting:
    """A slope that is off by so many scale points per point of the predictor."""

    def plant(wave: Wave, j: int) -> None:
        added = wave.turned.setdefault(slope.outcome, np.zeros(len(wave.owner)))
        added[wave.owner == j] += by

    return plant


Chosen = Literal["spread", "together", "one"]
"""One item of each battery, six of the second, or one."""


def ordinary_items() -> np.ndarray:
    """Items that are no outcome of a slope."""
    return np.setdiff1d(np.arange(ITEMS), [one.outcome for one in SLOPES])


def choose_items(rng: np.random.Generator, items: Chosen) -> np.ndarray:
    """The items that are shifted."""
    ordinary = ordinary_items()
    if items == "spread":
        return np.array([rng.choice(ordinary[BATTERY[ordinary] == b]) for b in range(len(BATTERIES))])
    return np.flatnonzero(BATTERY == 1)[:6] if items == "together" else rng.choice(ordinary, 1)


def shift(items: Chosen, by: float) -> Planting:
    """Answers that lie `by` standard deviations up or down."""

    def plant(wave: Wave, j: int) -> None:
        chosen = choose_items(wave.rng, items)
        wave.latent[np.ix_(wave.owner == j, chosen)] += by * wave.rng.choice([-1, 1])

    return plant


def forget_code(wave: Wave, j: int) -> None:
    """One answer of 99, a code declared nowhere, and nobody else has it."""

    def change(answers: Answers) -> None:
        row, item = wave.rng.choice(np.flatnonzero(answers.owner == j)), wave.rng.choice(ITEMS)
        answers.values[row, item] = FORGOTTEN
        answers.refused[row, item] = answers.dont_know[row, item] = False

    wave.changes.append(change)
