"""Step 4, flag: flags that vanish without the code suspects are a matter of data preparation, not of interviewers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from qa_reports.config import ReportConfig
from qa_reports.effects.damage import SuspectDamage, set_suspects_aside
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled, estimate_items
from qa_reports.effects.flag import Flag, Flags, InterviewerVerdict, flag_interviewers
from qa_reports.effects.indicator_effects import JudgedIndicators, no_indicators
from qa_reports.effects.sentences import vanishing_sentence
from qa_reports.second_core import IN_TURN, SecondCore
from qa_reports.survey.clean import Survey


def settle_flags(
    survey: Survey,
    items: Sequence[ItemEffects | ItemNotModelled],
    damages: Sequence[SuspectDamage],
    config: ReportConfig,
    core: SecondCore = IN_TURN,
    indicators: Callable[[], JudgedIndicators] = no_indicators,
) -> Flags:
    """Flag interviewers; where code suspects stay among the answers, judge once more without them.

    A flag on an item with such suspects, or on a slope on one, that the second judgement does not raise is turned into
    `missing_code`; an interviewer with no other flag then needs no call. `indicators` are asked for when all else is
    judged: they may still be being examined.
    """
    # What the second core has to do besides is not asked for before flags are settled.
    threads = 1 if core is IN_TURN else 2
    flags = flag_interviewers(survey, items, damages, config, indicators, threads)
    kept_in = {suspect.item for suspect in survey.suspects if not suspect.set_aside}
    touched = kept_in | {option.name for option in config.items if kept_in & set(option.slopes)}
    resting = [flag for flag in flags.flags if flag.kind != "missing_code" and touched & set(flag.items)]
    if not resting:
        return flags
    clean = set_suspects_aside(survey)
    again = flag_interviewers(
        clean, estimate_items(clean, config, core, judgement_only=True), damages, config, indicators, threads
    )
    vanishing = [flag for flag in resting if not any(_same(flag, other) for other in again.flags)]
    settled: list[Flag] = []
    for flag in flags.flags:
        if flag not in vanishing:
            settled.append(flag)
        elif not any(_explains(other, flag) for other in flags.flags):
            settled.append(_as_data_preparation(flag, survey, config, kept_in))
    order = {"critical": 0, "warning": 1, "data_preparation": 2}
    settled.sort(key=lambda flag: order[flag.severity])
    return replace(
        flags,
        flags=tuple(settled),
        interviewers=tuple(_verdict(verdict, settled) for verdict in flags.interviewers),
    )


def _same(flag: Flag, other: Flag) -> bool:
    same = (flag.interviewer, flag.kind) == (other.interviewer, other.kind)
    return same and bool(set(flag.items) & set(other.items))


def _explains(other: Flag, flag: Flag) -> bool:
    """Whether another flag reports the suspects behind this one already."""
    same = other.kind == "missing_code" and other.interviewer == flag.interviewer
    return same and bool(set(flag.items) & set(other.items))


def _as_data_preparation(flag: Flag, survey: Survey, config: ReportConfig, kept_in: set[str]) -> Flag:
    slopes = {name for option in config.items if option.name in flag.items for name in option.slopes}
    behind = [s for s in survey.suspects if s.item in kept_in & ({*flag.items} | slopes) and not s.set_aside]
    labels = {item.name: item.label for item in survey.items}
    held = sum(dict(suspect.interviewers).get(flag.interviewer, 0) for suspect in behind)
    return replace(
        flag,
        severity="data_preparation",
        kind="missing_code",
        items=tuple(dict.fromkeys([*(suspect.item for suspect in behind), *flag.items])),
        estimate=float(held),
        unit="answers",
        sentence=vanishing_sentence(held, [(suspect.value, labels[suspect.item]) for suspect in behind]),
        pattern="data_preparation",
    )


def _verdict(verdict: InterviewerVerdict, flags: Sequence[Flag]) -> InterviewerVerdict:
    own = {flag.severity for flag in flags if flag.interviewer == verdict.interviewer}
    if "critical" in own:
        return replace(verdict, severity="critical")
    return replace(verdict, severity="warning" if "warning" in own else "none")
