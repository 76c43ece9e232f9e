"""Step 4, flag: which interviewers deviate, how surely, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from qa_reports.config import ReportConfig
from qa_reports.effects.damage import SuspectDamage
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled
from qa_reports.effects.evidence import CombinedEvidence, combine_evidence
from qa_reports.effects.inference import false_discovery_q
from qa_reports.effects.judge import level_cells
from qa_reports.effects.linear import ModelResult
from qa_reports.effects.rules import EXPECTED_WARNINGS, MINIMUM_SIZE, NAMED_BESIDE
from qa_reports.effects.sentences import level_sentence, missing_code_sentence, slope_consequence, slope_sentence
from qa_reports.survey.clean import Survey

FloatArray = NDArray[np.float64]

Severity = Literal["critical", "warning", "data_preparation"]
FlagKind = Literal["level", "slope", "missing_code"]


@dataclass(frozen=True, slots=True)
class Flag:
    """One reason to call one interviewer ("worth a call", never guilt)."""

    interviewer: str
    severity: Severity
    kind: FlagKind
    items: tuple[str, ...]
    """The items it rests on, strongest first."""
    estimate: float
    """Size in `unit`: mean deviation from colleagues over the items (level), slope deviation, number of answers."""
    unit: str
    """"scale points", "scale points per point of trstplc", "answers"."""
    z: float | None
    p: float | None
    q: float | None
    """Benjamini-Hochberg adjusted p."""
    sentence: str
    """One plain sentence for a field manager."""


@dataclass(frozen=True, slots=True)
class InterviewerVerdict:
    """The overall result for one interviewer, everyone listed once."""

    interviewer: str
    team: str | None
    n_interviews: int
    severity: Literal["critical", "warning", "none"]
    too_few: bool
    """Fewer interviews than `min_interviews`: too few to judge, which is not "fine"."""
    combined_p: float | None
    """p of the evidence over all items; None where too few."""


@dataclass(frozen=True, slots=True)
class ExpectedByChance:
    """How many a wave of normal interviewers would show, by the same rules."""

    interviewers: float
    """Flagged interviewers per wave (critical or warning)."""
    cells: float
    """Flagged interviewer-by-item cells per wave."""
    method: str


@dataclass(frozen=True, slots=True)
class Flags:
    """All flags (most severe first) and a verdict per interviewer."""

    flags: tuple[Flag, ...]
    interviewers: tuple[InterviewerVerdict, ...]
    expected_by_chance: ExpectedByChance


_MISLEADING_RISE = 6.0
"""Rise of a likelihood-ratio statistic that takes a variance from unremarkable to significant."""


@dataclass(frozen=True, slots=True, eq=False)
class _Cell:
    """One interviewer on one random term of one item."""

    item: ItemEffects
    model: ModelResult
    interviewer: int
    term: str
    n_interviews: int
    deviation: float
    z: float
    p: float
    q: float = np.nan
    """Benjamini-Hochberg over all judged cells."""

    @property
    def large(self) -> bool:
        """Whether the deviation matters: a level in residual sds, a slope over two sds of its predictor."""
        size = abs(self.deviation) / np.sqrt(self.model.variance.residual)
        if self.term != "intercept":
            predictor = self.model.predictor_sd[self.model.effects.terms.index(self.term)]
            size = size * 2 * predictor
        return bool(size >= MINIMUM_SIZE)


def flag_interviewers(
    survey: Survey,
    items: Sequence[ItemEffects | ItemNotModelled],
    damages: Sequence[SuspectDamage],
    config: ReportConfig,
) -> Flags:
    """Judge every interviewer with at least `min_interviews`: over all items together, cell by cell, and for suspects.

    A level is `critical` when the evidence over all items, or a single cell, has a false discovery rate below
    `false_discovery_rate` and the deviation is large enough to matter; `warning` when the combined p is below
    0.4 / (interviewers judged), which 0.4 normal interviewers per clean wave would reach.
    """
    modelled = [item for item in items if isinstance(item, ItemEffects)]
    rate, minimum = config.flags.false_discovery_rate, config.flags.min_interviews
    workload = np.bincount(survey.interviewer, minlength=len(survey.interviewer_ids))
    judged = workload >= minimum
    evidence = combine_evidence(modelled, len(workload), judged, rate)
    cells = _judge_cells(modelled, minimum)
    adjusted_for = [covariate.label for covariate in survey.respondent_covariates]
    flags = [
        *_level_flags(survey, cells, evidence, config, adjusted_for),
        *_slope_flags(survey, cells, rate),
        *_missing_code_flags(survey, damages, config),
    ]
    order = {"critical": 0, "warning": 1, "data_preparation": 2}
    flags.sort(key=lambda flag: (order[flag.severity], 1.0 if flag.p is None else flag.p, flag.interviewer))
    return Flags(
        flags=tuple(flags),
        interviewers=_verdicts(survey, flags, evidence, workload, minimum),
        expected_by_chance=ExpectedByChance(
            interviewers=evidence.expected_interviewers,
            cells=evidence.expected_cells,
            method=f"{evidence.waves:,} simulated waves of normal interviewers with this survey's workloads, "
            "variances and correlations, judged by the same rules",
        ),
    )


def _judge_cells(items: Sequence[ItemEffects], minimum: int) -> list[_Cell]:
    """All cells with enough interviews, levels and slopes, with one false discovery rate over all of them."""
    found: list[_Cell] = []
    for item in items:
        found += _levels(item, minimum)
        if isinstance(item.slope, ModelResult):
            found += _slopes(item, item.slope, minimum)
    q = false_discovery_q(np.array([cell.p for cell in found]))
    return [replace(cell, q=float(own)) for cell, own in zip(found, q, strict=True)]


def _levels(item: ItemEffects, minimum: int) -> Iterator[_Cell]:
    cells = level_cells(item)
    if cells is None:
        return
    for row in np.flatnonzero((cells.n_interviews >= minimum) & np.isfinite(cells.p)):
        yield _Cell(
            item=item,
            model=item.judging,
            interviewer=int(cells.interviewer[row]),
            term="intercept",
            n_interviews=int(cells.n_interviews[row]),
            deviation=float(cells.deviation[row]),
            z=float(cells.z[row]),
            p=float(cells.p[row]),
        )


def _slopes(item: ItemEffects, model: ModelResult, minimum: int) -> Iterator[_Cell]:
    effects = model.effects
    for column, term in enumerate(effects.terms):
        # The level is judged by the respondent-adjusted model, not once more at the mean of a predictor.
        if term == "intercept":
            continue
        for row in np.flatnonzero((effects.n_interviews >= minimum) & np.isfinite(effects.p[:, column])):
            yield _Cell(
                item=item,
                model=model,
                interviewer=int(effects.interviewer[row]),
                term=term,
                n_interviews=int(effects.n_interviews[row]),
                deviation=float(effects.deviation[row, column]),
                z=float(effects.z[row, column]),
                p=float(effects.p[row, column]),
            )


def _level_flags(
    survey: Survey, cells: list[_Cell], evidence: CombinedEvidence, config: ReportConfig, adjusted_for: list[str]
) -> Iterator[Flag]:
    rate = config.flags.false_discovery_rate
    combined_q = false_discovery_q(evidence.p)
    scales = {item.name: item.valid_range for item in config.items}
    threshold = EXPECTED_WARNINGS / max(1, int(np.isfinite(evidence.p).sum()))
    by_interviewer: dict[int, list[_Cell]] = {}
    for cell in cells:
        if cell.term == "intercept":
            by_interviewer.setdefault(cell.interviewer, []).append(cell)
    for interviewer, own in by_interviewer.items():
        own = sorted(own, key=lambda cell: cell.p)
        single = [cell for cell in own if cell.q < rate and cell.large]
        p, q = float(evidence.p[interviewer]), float(combined_q[interviewer])
        sure = bool(single) or q < rate
        if not sure and not p < threshold:
            continue
        named = [cell for cell in own if cell.large and (cell in single or abs(cell.z) > NAMED_BESIDE)]
        if single:
            # Beside a sure finding, the other direction is what a few of many items show by chance.
            named = [cell for cell in named if cell in single or cell.deviation * single[0].deviation > 0]
        if not named:
            continue
        strongest = named[0]
        n_interviews = max(cell.n_interviews for cell in own)
        yield Flag(
            interviewer=survey.interviewer_ids[interviewer],
            severity="critical" if sure else "warning",
            kind="level",
            items=tuple(cell.item.item for cell in named),
            estimate=strongest.deviation,
            unit="scale points",
            z=strongest.z if single else float(np.sign(strongest.deviation) * stats.norm.isf(p / 2)),
            p=strongest.p if single else p,
            q=strongest.q if single else q,
            sentence=level_sentence(
                n_interviews,
                [(cell.item.label, cell.deviation) for cell in named],
                [_scale_words(scales[cell.item.item]) for cell in named],
                adjusted_for,
            ),
        )


def _scale_words(scale: tuple[float, float] | None) -> str:
    return "" if scale is None else f"{scale[0]:g} to {scale[1]:g}"


def _slope_flags(survey: Survey, cells: list[_Cell], rate: float) -> Iterator[Flag]:
    labels = {item.name: item.label for item in survey.items}
    for cell in cells:
        if cell.term == "intercept" or not (cell.q < rate and cell.large):
            continue
        predictor = cell.term.removeprefix("slope:")
        usual = next(effect.estimate for effect in cell.model.fixed_effects if effect.term == predictor)
        yield Flag(
            interviewer=survey.interviewer_ids[cell.interviewer],
            severity="critical",
            kind="slope",
            items=(cell.item.item,),
            estimate=cell.deviation,
            unit=f"scale points per point of {predictor}",
            z=cell.z,
            p=cell.p,
            q=cell.q,
            sentence=slope_sentence(
                cell.n_interviews, cell.item.label, labels[predictor], usual + cell.deviation, usual
            ),
        )


def _missing_code_flags(survey: Survey, damages: Sequence[SuspectDamage], config: ReportConfig) -> Iterator[Flag]:
    """Interviewers who would stand out only because a suspect value was left in."""
    for suspect, damage in zip(survey.suspects, damages, strict=True):
        shown = _shown_by_suspect(damage, config.flags.false_discovery_rate)
        holders = [(interviewer, n) for interviewer, n in suspect.interviewers if interviewer in survey.interviewer_ids]
        for interviewer, n in holders:
            position = survey.interviewer_ids.index(interviewer)
            anyway = interviewer in damage.set_aside.standing_out
            z, p = (None, None) if anyway else shown.get(position, (None, None))
            stands_out = z is not None or (interviewer in damage.all_left_in.standing_out and not anyway)
            consequence = _slope_consequence(position, survey, damage)
            if not stands_out and (consequence is None or len(holders) > 1):
                continue
            label = next(item.label for item in survey.items if item.name == suspect.item)
            yield Flag(
                interviewer=interviewer,
                severity="data_preparation",
                kind="missing_code",
                items=(suspect.item, *(outcome for outcome in damage.outcome if outcome != suspect.item)),
                estimate=float(n),
                unit="answers",
                z=z,
                p=p,
                q=None,
                sentence=missing_code_sentence(
                    n,
                    suspect.value,
                    label,
                    suspect.reason,
                    [
                        *(["make this interviewer stand out"] if stands_out else []),
                        *([consequence] if consequence else []),
                    ],
                ),
            )


def _shown_by_suspect(damage: SuspectDamage, rate: float) -> dict[int, tuple[float, float]]:
    """Interviewers who stand out with the suspect left in: position -> strongest (z, p) over the refitted models."""
    shown: dict[int, tuple[float, float]] = {}
    for model in damage.with_suspect:
        effects = model.effects
        q = false_discovery_q(effects.p)
        for row, column in np.argwhere(q < rate):
            key, found = int(effects.interviewer[row]), (float(effects.z[row, column]), float(effects.p[row, column]))
            if key not in shown or found[1] < shown[key][1]:
                shown[key] = found
    return shown


def _slope_consequence(interviewer: int, survey: Survey, damage: SuspectDamage) -> str | None:
    """What the suspect does to the test of the slope variance it disturbs most, if it changes its message."""
    labels = {item.name: item.label for item in survey.items}
    worst: tuple[float, str] | None = None
    for outcome, model, without in zip(damage.outcome, damage.with_suspect, damage.without_suspect, strict=True):
        if model.name != "slope" or without is None:
            continue
        # By maximum likelihood, as the slope model is shown and as its test is usually reported.
        before = {test.name: test.statistic for test in (without.by_ml or without).tests}
        for test in (model.by_ml or model).tests:
            rise = test.statistic - before.get(test.name, 0.0)
            if test.name == "intercept" or rise < _MISLEADING_RISE or (worst is not None and rise < worst[0]):
                continue
            sentence = slope_consequence(
                labels[outcome],
                labels[test.name.removeprefix("slope:")],
                (test.statistic, before.get(test.name, 0.0)),
                _extreme(model, interviewer, test.name),
            )
            worst = (rise, sentence)
    return worst[1] if worst else None


def _extreme(model: ModelResult, interviewer: int, term: str) -> Literal["lowest", "highest"] | None:
    """Whether this interviewer has the lowest or highest EBLUP of a term."""
    effects = model.effects
    eblup = effects.eblup[:, effects.terms.index(term)]
    if effects.interviewer[eblup.argmin()] == interviewer:
        return "lowest"
    return "highest" if effects.interviewer[eblup.argmax()] == interviewer else None


def _verdicts(
    survey: Survey, flags: Sequence[Flag], evidence: CombinedEvidence, workload: NDArray[np.int64], minimum: int
) -> tuple[InterviewerVerdict, ...]:
    severities: dict[str, set[str]] = {}
    for flag in flags:
        severities.setdefault(flag.interviewer, set()).add(flag.severity)
    teams = survey.teams or (None,) * len(survey.interviewer_ids)
    verdicts = []
    for j, (interviewer, team) in enumerate(zip(survey.interviewer_ids, teams, strict=True)):
        own = severities.get(interviewer, set())
        severity: Literal["critical", "warning", "none"] = (
            "critical" if "critical" in own else "warning" if "warning" in own else "none"
        )
        p = float(evidence.p[j])
        verdicts.append(
            InterviewerVerdict(
                interviewer=interviewer,
                team=team,
                n_interviews=int(workload[j]),
                severity=severity,
                too_few=bool(workload[j] < minimum),
                combined_p=p if np.isfinite(p) else None,
            )
        )
    return tuple(verdicts)
