"""Operating characteristics of the indicators by seeded simulation: planted interviewers found, clean waves left alone.

`python -m tests.effects.indicator_characteristics 200` prints a table like that of docs/simulations-indicators.md.
Levels and spread take part in the decision with uniform p values, as a normal interviewer has.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from qa_reports.config import ReportConfig
from qa_reports.effects.indicator_effects import estimate_indicators
from qa_reports.effects.indicator_flags import indicator_sources
from qa_reports.effects.rules import WEIGHT_OF_LEVELS, WEIGHT_OF_SPREAD
from qa_reports.effects.sources import EvidenceSource, decide
from qa_reports.indicators.collect import measure_indicators
from qa_reports.survey.answer_classes import AnswerClass
from qa_reports.survey.clean import Survey
from tests.effects.synthetic import make_survey

INTERVIEWERS, INTERVIEWS, ITEMS = 150, 1703, 22
BATTERIES = (3, 7, 3, 3, 3, 3)
MINIMUM, RATE = 5, 0.05
HALF = 0.5
"""The planted speeder takes half of the usual time; others differ by an sd of 10 % between interviewers."""
PLANTED = {"duplicates": "duplicates", "speeding": "speeding", "straightlining": "straightlining",
           "nonresponse": "nonresponse"}  # fmt: skip
"""What is planted -> the kind of flag that should be named first."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the rules say of one wave."""

    flagged: dict[int, tuple[str, ...]]
    """Interviewer -> kinds of flags, the smallest p first."""


def config() -> ReportConfig:
    starts = np.cumsum((0, *BATTERIES))
    batteries = [
        {"name": f"Battery {b + 1}", "items": [f"item{k}" for k in range(starts[b], starts[b + 1])]}
        for b in range(len(BATTERIES))
    ]
    return ReportConfig.model_validate(
        {
            "survey": {"name": "Simulated"},
            "data": {"file": "simulated.csv", "interviewer": "intnum"},
            "items": [{"name": f"item{k}", "scale": [0, 10]} for k in range(ITEMS)],
            "batteries": batteries,
        }
    )


def workloads(rng: np.random.Generator) -> np.ndarray:
    """1,703 interviews over 150 interviewers, 1 to 40 each; the first four have 12 or more."""
    counts = np.minimum(1 + rng.geometric(1 / 10.4, INTERVIEWERS), 40)
    counts[:4] = rng.integers(12, 26, 4)
    while counts.sum() != INTERVIEWS:
        j = rng.integers(4, INTERVIEWERS)
        counts[j] = np.clip(counts[j] + np.sign(INTERVIEWS - counts.sum()), 1, 40)
    return counts


def wave(seed: int, *, planted: bool, icc: float = 0.06) -> Survey:
    """A wave whose first four interviewers are, where `planted`, the four of `PLANTED` in that order."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(INTERVIEWERS), workloads(rng))
    factor = np.repeat(np.arange(len(BATTERIES)), BATTERIES)
    u = rng.normal(size=(INTERVIEWERS, 1)) * 0.5 + rng.normal(size=(INTERVIEWERS, ITEMS)) * 0.85
    e = 0.35 * rng.normal(size=(INTERVIEWS, 1)) + 0.55 * rng.normal(size=(INTERVIEWS, len(BATTERIES)))[:, factor]
    e += np.sqrt(1 - 0.35**2 - 0.55**2) * rng.normal(size=(INTERVIEWS, ITEMS))
    y = np.clip(np.rint(5 + 2.1 * (np.sqrt(icc) * u[owner] + np.sqrt(1 - icc) * e)), 0, 10)
    minutes = np.exp(4.05 + 0.1 * rng.normal(size=INTERVIEWERS)[owner] + 0.2 * rng.normal(size=INTERVIEWS))
    # Don't knows and refusals differ between respondents, and a little between interviewers.
    tendency = 0.3 * rng.normal(size=INTERVIEWERS)[owner, None] + 0.8 * rng.normal(size=(INTERVIEWS, 1))
    dont_know = rng.random(y.shape) < 1 / (1 + np.exp(4.2 - tendency))
    refused = rng.random(y.shape) < 1 / (1 + np.exp(6.5 - tendency))
    if planted:
        _copy(rng, y, np.flatnonzero(owner == 0))
        minutes[owner == 1] *= HALF
        _straightline(rng, y, np.flatnonzero(owner == 2), factor)
        own = np.flatnonzero(owner == 3)
        for row in rng.choice(own, len(own) // 3, replace=False):
            refused[row, rng.choice(ITEMS, 8, replace=False)] = True
    missing = dont_know | refused
    survey = make_survey({f"item{k}": np.where(missing[:, k], np.nan, y[:, k]) for k in range(ITEMS)}, owner)
    classes = np.where(refused, AnswerClass.REFUSAL, np.where(dont_know, AnswerClass.DONT_KNOW, AnswerClass.VALID))
    items = tuple(replace(item, answer_class=classes[:, k].astype(np.int8)) for k, item in enumerate(survey.items))
    return replace(survey, items=items, minutes=minutes)


def _copy(rng: np.random.Generator, y: np.ndarray, own: np.ndarray) -> None:
    """Half of the interviews are copies of one, each with two answers changed."""
    copies = own[1 : 1 + len(own) // 2]
    y[copies] = y[own[0]]
    for row in copies:
        y[row, rng.choice(ITEMS, 2, replace=False)] = rng.integers(0, 11, 2)


def _straightline(rng: np.random.Generator, y: np.ndarray, own: np.ndarray, factor: np.ndarray) -> None:
    """Three quarters of the batteries get the answer to their first item throughout."""
    for row in own:
        for battery in np.flatnonzero(rng.random(len(BATTERIES)) < 0.75):
            items = np.flatnonzero(factor == battery)
            y[row, items] = y[row, items[0]]


def judge(survey: Survey, seed: int) -> Found:
    """Put the wave through the rules; levels and spread have uniform p values."""
    rng = np.random.default_rng(seed)
    indicators = estimate_indicators(survey, measure_indicators(survey, config()))
    judged = np.bincount(survey.interviewer, minlength=INTERVIEWERS) >= MINIMUM
    beside = [
        EvidenceSource(name, name, weight, np.where(judged, rng.uniform(size=INTERVIEWERS), np.nan), (), lambda _: None)  # type: ignore[arg-type]
        for name, weight in (("level", WEIGHT_OF_LEVELS), ("spread", WEIGHT_OF_SPREAD))
    ]
    sources = [*beside, *indicator_sources(survey, indicators, MINIMUM)]
    by_name = {source.name: source for source in sources}
    flagged: dict[int, list[tuple[float, str]]] = {}
    for name, finding in decide(sources, RATE).findings:
        described = name in ("level", "spread") or by_name[name].describe(finding) is not None
        if described:
            flagged.setdefault(finding.interviewer, []).append((finding.p, name))
    return Found({j: tuple(name for _, name in sorted(kinds)) for j, kinds in flagged.items()})


def clean_rate(waves: int, seed: int = 71) -> tuple[float, Counter[str]]:
    """Flagged interviewers per clean wave, and the kinds they were flagged for first."""
    found = [judge(wave(seed + k, planted=False), seed + k).flagged for k in range(waves)]
    return sum(map(len, found)) / waves, Counter(kinds[0] for one in found for kinds in one.values())


def planted_rates(waves: int, seed: int = 9_000) -> tuple[dict[str, tuple[float, float]], float]:
    """Planted -> (share found, share of those with the right kind first); and other interviewers flagged per wave."""
    found, right, others = Counter[str](), Counter[str](), 0
    for k in range(waves):
        flagged = judge(wave(seed + k, planted=True), seed + k).flagged
        others += sum(j >= len(PLANTED) for j in flagged)
        for j, (planted, kind) in enumerate(PLANTED.items()):
            found[planted] += j in flagged
            right[planted] += j in flagged and flagged[j][0] == kind
    return {p: (found[p] / waves, right[p] / max(found[p], 1)) for p in PLANTED}, others / waves


def page(waves: int) -> Iterator[str]:
    """The table of docs/simulations-indicators.md."""
    rate, kinds = clean_rate(waves)
    yield "| Indicators: 150 interviewers, 1,703 interviews, 22 items | waves | result |"
    yield "|---|---|---|"
    yield f"| clean waves: interviewers flagged per wave | {waves} | {rate:.2f} ({dict(kinds)}) |"
    rates, others = planted_rates(waves)
    for planted, (found, right) in rates.items():
        what = f"planted {planted}, 12 to 25 interviews: found, right kind first"
        yield f"| {what} | {waves} | {found:.0%}, {right:.0%} |"
    yield f"| others flagged beside four planted interviewers, per wave | {waves} | {others:.2f} |"


if __name__ == "__main__":
    for line in page(int(sys.argv[1]) if len(sys.argv) > 1 else 60):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
