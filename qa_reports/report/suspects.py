"""What the report shows of a code suspect: what it is, and what it would have done had it been left in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from qa_reports.effects.damage import Consequence, SuspectDamage
from qa_reports.effects.flag import Flags
from qa_reports.effects.linear import ModelResult, ModelTest
from qa_reports.report.figures import Figure, effect_quantiles
from qa_reports.report.formats import answer, count_of, listing, p_value, percent, ratio
from qa_reports.report.interviewers import NamedItem
from qa_reports.report.items import ModelSummary, summarise_model
from qa_reports.survey.clean import Survey
from qa_reports.survey.repeats import RepeatedIds
from qa_reports.survey.suspects import CodeSuspect
from qa_reports.survey.wider_scale import WiderScale, values_words

MOST_OF_SCALE = 3
"""Values outside one mistyped scale that the report shows the doings of: there may be a hundred, all for one reason."""


class SuspectTreatment(Struct, frozen=True):
    """What the item shows under one treatment of its suspicious values."""

    words: str
    """"without", "88 left in"."""
    consequence: Consequence


class SuspectComparison(Struct, frozen=True, eq=False):
    """One model with a suspicious value left in, beside the clean one."""

    outcome: NamedItem
    with_value: ModelSummary
    without_value: ModelSummary | None
    """The clean model; None where it could not be estimated."""
    figures: tuple[Figure, ...]
    """EBLUP QQ plots of the slopes: with the value in, then clean; empty for models without a slope."""


class SuspectSummary(Struct, frozen=True, eq=False):
    """A value that is probably a missing code nobody declared, or outside a mistyped scale: a matter of the file."""

    item: NamedItem
    value: float
    value_text: str
    n: int
    interviewers: tuple[tuple[str, int], ...]
    reason: str
    yaml: str
    sentences: tuple[str, ...]
    """What it is and what it would have done, for a field manager."""
    set_aside: bool
    """Whether the analyses of the report go without it."""
    treatments: tuple[SuspectTreatment, ...]
    """The item without any suspect, with this one, and with all of them where there are more; empty where the item
    could not be modelled."""
    comparisons: tuple[SuspectComparison, ...]
    wider: WiderScale | None = None
    """The scale that would hold it, where the declared one may be mistyped."""


class ItemSuspects(Struct, frozen=True, eq=False):
    """The suspicious values of one item that are one problem to put right: its scale, or codes."""

    item: NamedItem
    suspects: tuple[SuspectSummary, ...]

    @property
    def wider(self) -> WiderScale | None:
        """The scale that would hold them, where the declared one may be mistyped."""
        return self.suspects[0].wider

    @property
    def shown(self) -> tuple[SuspectSummary, ...]:
        """Those of which the report shows what they would have done."""
        return self.suspects if self.wider is None else self.suspects[:MOST_OF_SCALE]

    @property
    def title(self) -> str:
        """ "88 in Trust in the police"."""
        if self.wider is not None:
            return f"{values_words([suspect.value for suspect in self.suspects])} in {self.item.label}"
        return f"{listing([suspect.value_text for suspect in self.suspects])} in {self.item.label}"

    @property
    def sentence(self) -> str:
        """What they are and, of several, what they would do together."""
        if len(self.suspects) == 1 and self.wider is None:
            return self.suspects[0].sentences[0]
        n = sum(suspect.n for suspect in self.suspects)
        holders = {name for suspect in self.suspects for name, _ in suspect.interviewers}
        said = f"{count_of(n, 'answer')} at {count_of(len(holders), 'interviewer')}"
        if self.wider is not None:
            return _beside(self.wider, said, n)
        treatments = self.suspects[0].treatments
        together, without = (treatments[-1].consequence, treatments[0].consequence) if treatments else (None, None)
        if together is None or without is None or together.icc is None or without.icc is None:
            return f"{said} look like missing codes."
        return (
            f"{said} look like missing codes. With them the item's interviewer ICC is {percent(together.icc)} and its "
            f"mean {ratio(together.mean)}, without them {percent(without.icc)} and {ratio(without.mean)}."
        )


def _beside(wider: WiderScale, said: str, n: int) -> str:
    stand = "stands" if n == 1 else "stand"
    return (
        f"{said} ({percent(wider.share)} of all) {stand} {wider.where}, which may be mistyped: is the scale "
        f"{wider.words}?"
    )


def by_item(suspects: tuple[SuspectSummary, ...]) -> tuple[ItemSuspects, ...]:
    """The suspects of each item together, mistyped scales before codes, otherwise in the given order."""
    of_scales = [suspect for suspect in suspects if suspect.wider is not None]
    of_codes = [suspect for suspect in suspects if suspect.wider is None]
    groups: list[ItemSuspects] = []
    for same in (of_scales, of_codes):
        for name in dict.fromkeys(suspect.item.name for suspect in same):
            own = tuple(suspect for suspect in same if suspect.item.name == name)
            groups.append(ItemSuspects(own[0].item, own))
    return tuple(groups)


def suspect_notes(suspects: tuple[SuspectSummary, ...]) -> tuple[str, ...]:
    """What the verdict says of them: mistyped scales first."""
    problems = by_item(suspects)
    scales = [problem for problem in problems if problem.wider is not None]
    codes = [problem for problem in problems if problem.wider is None]
    n_codes = sum(len(problem.suspects) for problem in codes)
    which = "declared scale, which" if len(scales) == 1 else "declared scales, which"
    place = "just outside" if all(problem.wider.adjoins for problem in scales if problem.wider) else "outside"
    mistyped = [f"{problem.title}: is its scale {problem.wider.words}?" for problem in scales if problem.wider]
    looks = "value looks like a missing code" if n_codes == 1 else "values look like missing codes"
    said = (
        *([f"answers stand {place} the {which} may be mistyped ({_first_of(mistyped)})."] if scales else []),
        *(
            [f"{n_codes} {looks} that nobody declared ({_first_of([problem.title for problem in codes])})."]
            if codes
            else []
        ),
    )
    begin = ("First put the data preparation right: ", "Also in the data preparation: ")
    return tuple(f"{words}{sentence}" for words, sentence in zip(begin, said, strict=False))


def _first_of(problems: list[str]) -> str:
    """The first three of them, and how many more there are."""
    more = "" if len(problems) <= 3 else f"; and {count_of(len(problems) - 3, 'more item')}"
    return f"{'; '.join(problems[:3])}{more}"


def summarise_suspects(survey: Survey, damages: tuple[SuspectDamage, ...], flags: Flags) -> tuple[SuspectSummary, ...]:
    """One summary per code suspect, in the survey's order."""
    found = {(damage.item, damage.value): damage for damage in damages}
    missing_code = frozenset(flag.interviewer for flag in flags.flags if flag.kind == "missing_code")
    return tuple(
        _summarise(suspect, found.get((suspect.item, suspect.value)), survey, missing_code)
        for suspect in survey.suspects
    )


def repeat_notes(repeated: RepeatedIds | None, after_others: bool) -> tuple[str, ...]:
    """Interviews that were delivered twice."""
    if repeated is None:
        return ()
    return (repeated.in_short if after_others else f"First put the data preparation right: {repeated.in_short}",)


def _summarise(
    suspect: CodeSuspect,
    damage: SuspectDamage | None,
    survey: Survey,
    missing_code: frozenset[str],
) -> SuspectSummary:
    labels = {item.name: item.label for item in survey.items}
    named = NamedItem(suspect.item, labels.get(suspect.item, suspect.item))
    holders = frozenset(name for name, _ in suspect.interviewers) & missing_code
    refits = (
        () if damage is None else tuple(zip(damage.outcome, damage.with_suspect, damage.without_suspect, strict=True))
    )
    return SuspectSummary(
        item=named,
        value=suspect.value,
        value_text=answer(suspect.value),
        n=suspect.n,
        interviewers=suspect.interviewers,
        reason=suspect.reason,
        yaml=suspect.yaml,
        sentences=(
            _what(suspect, named.label),
            *([] if damage is None else _icc_sentence(damage)),
            *(
                sentence
                for outcome, model, clean in refits
                for sentence in _slope_sentence(labels.get(outcome, outcome), model, clean, survey, suspect)
            ),
        ),
        set_aside=suspect.set_aside,
        treatments=() if damage is None else tuple(_treatments(suspect, damage)),
        comparisons=tuple(
            _compare(NamedItem(outcome, labels.get(outcome, outcome)), model, clean, survey, holders, suspect)
            for outcome, model, clean in refits
        ),
        wider=suspect.wider,
    )


def _treatments(suspect: CodeSuspect, damage: SuspectDamage) -> Iterator[SuspectTreatment]:
    yield SuspectTreatment("without", damage.set_aside)
    yield SuspectTreatment(f"{answer(suspect.value)} left in", damage.left_in)
    if damage.all_left_in.n != damage.left_in.n:
        yield SuspectTreatment("all suspicious values of the item left in", damage.all_left_in)


def _what(suspect: CodeSuspect, label: str) -> str:
    who = listing([name for name, _ in suspect.interviewers[:5]])
    if len(suspect.interviewers) > 5:
        who = f"{count_of(len(suspect.interviewers), 'interviewer')}, most at {suspect.interviewers[0][0]}"
    else:
        who = f"{'interviewer' if len(suspect.interviewers) == 1 else 'interviewers'} {who}"
    times = "once" if suspect.n == 1 else f"{suspect.n} times"
    said = f"The value {answer(suspect.value)} stands {times} in “{label}” ({who})"
    if suspect.wider is None:
        return f"{said}: {suspect.reason}."
    return f"{said}: {suspect.wider.where}, which may be mistyped: is the scale {suspect.wider.words}?"


def _icc_sentence(damage: SuspectDamage) -> tuple[str, ...]:
    sentences = []
    if damage.icc_with is not None and damage.icc_without is not None:
        sentences.append(
            f"Left in, it moves the item's interviewer ICC from {percent(damage.icc_without)} to "
            f"{percent(damage.icc_with)} and its mean from {ratio(damage.set_aside.mean)} to "
            f"{ratio(damage.left_in.mean)}."
        )
    together = damage.all_left_in
    if together.n != damage.left_in.n and together.icc is not None:
        sentences.append(
            f"With every suspicious value of the item left in, the interviewer ICC is {percent(together.icc)} and the "
            f"mean {ratio(together.mean)}."
        )
    return tuple(sentences)


def _slope_test(model: ModelResult) -> ModelTest | None:
    """The test of the random slopes, by maximum likelihood where there is such a fit."""
    tests = model.tests if model.by_ml is None else model.by_ml.tests
    return next((test for test in tests if test.name.startswith("slope:")), None)


def _slope_sentence(
    label: str, model: ModelResult, clean: ModelResult | None, survey: Survey, suspect: CodeSuspect
) -> tuple[str, ...]:
    """What the raw file would have shown: the slope test, and where the interviewer would have stood."""
    dirty_test, clean_test = _slope_test(model), None if clean is None else _slope_test(clean)
    if dirty_test is None:
        return ()
    instead = "" if clean_test is None else f" instead of p {_with_relation(clean_test.p)}"
    return (
        f"Left in, the slopes of “{label}” seem to differ between interviewers with "
        f"p {_with_relation(dirty_test.p)}{instead}{_extreme(model, survey, suspect)}.",
    )


def _with_relation(p: float) -> str:
    text = p_value(p)
    return text if text[0] in "<>" else f"= {text}"


def _extreme(model: ModelResult, survey: Survey, suspect: CodeSuspect) -> str:
    """Names the interviewer with the value if theirs would have been the lowest or highest slope of all."""
    effects = model.effects
    column = next((position for position, term in enumerate(effects.terms) if term.startswith("slope:")), None)
    if column is None or not np.any(effects.eblup[:, column]):
        return ""
    holders = {name for name, _ in suspect.interviewers}
    for end, word in ((np.argmin, "lowest"), (np.argmax, "highest")):
        name = survey.interviewer_ids[effects.interviewer[int(end(effects.eblup[:, column]))]]
        if name in holders:
            return f", and interviewer {name} has the {word} slope of all"
    return ""


def _compare(
    outcome: NamedItem,
    model: ModelResult,
    clean: ModelResult | None,
    survey: Survey,
    holders: frozenset[str],
    suspect: CodeSuspect,
) -> SuspectComparison:
    versions = [(model, f"{answer(suspect.value)} left in")]
    if clean is not None:
        versions.append((clean, f"{answer(suspect.value)} set aside"))
    drawn = [
        effect_quantiles(fit, term, survey, holders, outcome.label, standardised=False, version=version)
        for fit, version in versions
        for term in fit.effects.terms
        if term.startswith("slope:")
    ]
    return SuspectComparison(
        outcome=outcome,
        with_value=summarise_model(model),
        without_value=None if clean is None else summarise_model(clean),
        figures=tuple(figure for figure in drawn if figure is not None),
    )
