"""Step 4, flag: which interviewers deviate, how surely, and why. Read `flag_interviewers` first.

Every kind of evidence is an `EvidenceSource` (sources.py), and `_sources` below is the one place where they are listed.
To add a kind: write a module like spread_flags.py with a function that returns an `EvidenceSource`:

- `kind`: the kind of its flags (one of `FlagKind` in findings.py; add it there and in results.schema.json), and a
  `name` that no other source has; several sources may share a kind;
- `weight`: its share of attention. Over an interviewer's sources p is combined by Simes with these weights, so that
  what one more source costs the others is known: with weights 3 and 1 the first is judged as if its p were 4/3 of it;
- `p`: (J,) its own combined p per interviewer, NaN where not judged. It has to be uniform for a normal interviewer:
  that is the source's own affair (simulation, a deletion z, a predictive tail). A source with single cells only has
  NaN throughout;
- `cells`: single findings (`Cell`: one interviewer on one item, slope, battery ...), each with its p and whether it is
  `large` enough to matter. All cells of all sources share one false discovery rate, in which a cell counts by the
  source's `cell_weight` (small for sources with many cells that seldom show anything alone);
- `describe`: puts one `Finding` (an interviewer who is to be named for this source) into words as a `Flag`, or
  returns None where nothing is large enough to be worth a call.

`decide` then does the same for all: false discovery rate over interviewers, warnings, single cells, and which of an
interviewer's sources are named; `expected_by_chance` puts normal interviewers through the same rules, with p values of
every source that are uniform (levels: simulated waves).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.config import ReportConfig
from qa_reports.effects.chance import expected_by_chance
from qa_reports.effects.code_flags import missing_code_flags
from qa_reports.effects.damage import SuspectDamage
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled
from qa_reports.effects.evidence import combine_evidence
from qa_reports.effects.findings import ExpectedByChance, Flag, FlagKind, Flags, InterviewerVerdict, Severity
from qa_reports.effects.indicator_effects import JudgedIndicators, no_indicators
from qa_reports.effects.indicator_flags import indicator_sources
from qa_reports.effects.level_flags import level_source
from qa_reports.effects.simulated_levels import OwnSpread
from qa_reports.effects.slope_flags import slope_source
from qa_reports.effects.sources import EvidenceSource, Finding, decide
from qa_reports.effects.spread_effects import NoSpread, SpreadEffects, overall_spread
from qa_reports.effects.spread_flags import spread_source
from qa_reports.survey.clean import Survey

__all__ = ["ExpectedByChance", "Flag", "FlagKind", "Flags", "InterviewerVerdict", "Severity", "flag_interviewers"]

FloatArray = NDArray[np.float64]


def flag_interviewers(
    survey: Survey,
    items: Sequence[ItemEffects | ItemNotModelled],
    damages: Sequence[SuspectDamage],
    config: ReportConfig,
    indicators: Callable[[], JudgedIndicators] = no_indicators,
    threads: int = 1,
) -> Flags:
    """Judge every interviewer with at least `min_interviews`: over all sources of evidence, cell by cell, for suspects.

    An interviewer is `critical` when everything together, or a single cell, has a false discovery rate below
    `false_discovery_rate` and the deviation is large enough to matter; `warning` when the combined p is below
    0.4 / (interviewers judged), which 0.4 normal interviewers per clean wave would reach. `threads` simulate them.
    `indicators` are asked for when all else is judged: they may still be being examined.
    """
    modelled = [item for item in items if isinstance(item, ItemEffects)]
    rate, minimum = config.flags.false_discovery_rate, config.flags.min_interviews
    workload, sampled = survey.workload, survey.n_rows < survey.n_interviews
    judged = workload >= minimum
    spread = overall_spread(
        [item.judging for item in modelled],
        [item.spread for item in modelled],
        len(workload),
        survey.held if sampled else None,
    )
    own_spread = _own_spread(spread, len(workload))
    batteries = [battery.items for battery in config.batteries]
    evidence = combine_evidence(modelled, len(workload), judged, rate, own_spread, sampled, batteries, threads)
    sources: list[EvidenceSource] = [
        level_source(survey, modelled, evidence.p, config),
        slope_source(survey, modelled, config),
        *([] if "spread" in config.indicators.off else [spread_source(survey, modelled, spread, judged, config)]),
        *indicator_sources(survey, indicators(), minimum),
    ]
    decision = decide(sources, rate)
    flags = in_order(
        [
            *_described(sources, decision.findings),
            *((1.0, flag) for flag in missing_code_flags(survey, damages, config)),
        ]
    )
    return Flags(
        flags=flags,
        interviewers=_verdicts(survey, flags, decision.p, workload, minimum),
        expected_by_chance=expected_by_chance(evidence, sources, rate),
        spread=spread,
    )


def _own_spread(spread: SpreadEffects | NoSpread, n_interviewers: int) -> OwnSpread | None:
    if isinstance(spread, NoSpread):
        return None
    shrunken, df = np.ones(n_interviewers), np.zeros(n_interviewers)
    known = np.isfinite(spread.shrunken)
    shrunken[spread.interviewer[known]] = spread.shrunken[known]
    df[spread.interviewer] = spread.df
    return OwnSpread(shrunken, df, spread.centre, spread.tau)


def _described(
    sources: Sequence[EvidenceSource], findings: Sequence[tuple[str, Finding]]
) -> Iterator[tuple[float, Flag]]:
    """(strength, flag) of every finding that is large enough to be worth a call."""
    by_name = {source.name: source for source in sources}
    for name, finding in findings:
        flag = by_name[name].describe(finding)
        if flag is not None:
            yield finding.strength, replace(flag, strength=min(finding.strength, 1.0))


def in_order(found: Sequence[tuple[float, Flag]]) -> tuple[Flag, ...]:
    """The strongest first: the first flag of an interviewer is the reason that is named first.

    Of one interviewer, response styles stand behind a spread of the same severity: answers that are too similar are
    also too often middling, which says less plainly what to look at.

    Args:
        found: the flags with their strengths, small where strong.
    """
    spreads = {(flag.interviewer, flag.severity): strength for strength, flag in found if flag.kind == "spread"}
    severities = {"critical": 0, "warning": 1, "data_preparation": 2}

    def place(pair: tuple[float, Flag]) -> tuple[int, float, bool, float, str]:
        strength, flag = pair
        style = flag.kind == "response_style"
        behind = spreads.get((flag.interviewer, flag.severity), 0.0) if style else 0.0
        return severities[flag.severity], max(strength, behind), style, flag.p or 0.0, flag.interviewer

    return tuple(flag for _, flag in sorted(found, key=place))


def _verdicts(
    survey: Survey, flags: Sequence[Flag], combined: FloatArray, workload: NDArray[np.int64], minimum: int
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
        p = float(combined[j])
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
