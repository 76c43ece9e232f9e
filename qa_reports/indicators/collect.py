"""All indicators of a survey, in the order in which a report shows them. Read `measure_indicators` first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from qa_reports.config import IndicatorKind, ReportConfig
from qa_reports.indicators.answers import answer_table
from qa_reports.indicators.duplicates import Duplicates, find_duplicates, no_duplicates
from qa_reports.indicators.gates import gate_measures
from qa_reports.indicators.heaping import heaping_measures
from qa_reports.indicators.measure import FloatArray, IndicatorMeasure, IntArray
from qa_reports.indicators.nonresponse import nonresponse_measures
from qa_reports.indicators.re_interviews import back_check_measures
from qa_reports.indicators.response_style import response_style_measures
from qa_reports.indicators.straightlining import straightlining_measures
from qa_reports.indicators.timing import clock, question_measures, speed_measures, time_measures
from qa_reports.survey.clean import Survey
from qa_reports.survey.interviews import ARRAYS, Interviews, answered, lengths
from qa_reports.survey.whole import MeasuredWhole, ToldMeasure

FEW_VALUES = 2_000
"""Different values among the interviews at hand up to which an engine counts every value by interviewer."""
_COMMONEST = "; how frequent its commonest value is, which decides between models, is told by the interviews at hand"
_SWITCHED_OFF = "switched off (indicators.off)"
_SAMPLED = "most interviews are not at hand one by one (docs/scale.md)"


class Indicators(Struct, frozen=True, eq=False):
    """Everything that is measured per interview."""

    measures: tuple[IndicatorMeasure, ...]
    """Applicable or not, by kind, in the order of the report; with the values of the interviews at hand."""
    duplicates: Duplicates | None
    """What similar pairs say; None where switched off."""
    whole: MeasuredWhole | None = None
    """The measures of all interviews, where those at hand are a sample."""


def measure_indicators(survey: Survey, config: ReportConfig) -> Indicators:
    """Measure every indicator that is not switched off; those that are have that as their reason."""
    measures, whole = _at_hand(survey, config), None
    told: dict[str, ToldMeasure] = {}
    if survey.whole is not None:
        # The same measures, told to the engine.
        every = survey.whole.interviews
        at_hand = {one.name: one.values[np.isfinite(one.values)] for one in measures if one.applicable}

        def compute(interviews: Interviews) -> dict[str, FloatArray]:
            return {one.name: one.values for one in _measures(interviews, survey, config) if one.applicable}

        told = {
            one.name: ToldMeasure(
                expression=one.values,
                whole=one.scale == "count",
                continuous=one.scale == "continuous",
                usual=float(at_hand[one.name].mean()) if len(at_hand[one.name]) else 0.0,
                few=len(np.unique(at_hand[one.name])) <= FEW_VALUES,
            )
            for one in _measures(every, survey, config)
            if one.applicable
        }
        whole = survey.whole.measured(told, compute)
    off, sampled = frozenset(config.indicators.off), survey.n_rows < survey.n_interviews
    missing = _SWITCHED_OFF if "duplicates" in off else _SAMPLED if sampled else None
    found = None
    if missing is None:
        answers = np.column_stack([item.answers for item in survey.items])
        fewest = config.indicators.min_shared_answers
        found = find_duplicates(answers, survey.interviewer, len(survey.interviewer_ids), fewest, _respondents(survey))
    measures.append(found.measure if found else no_duplicates(missing or ""))
    many = {name for name, one in told.items() if sampled and not one.few}
    measures = [replace(one, threshold=one.threshold + _COMMONEST) if one.name in many else one for one in measures]
    return Indicators(tuple(_or_reason(one, whole) for one in measures), found, whole)


def _respondents(survey: Survey) -> IntArray | None:
    """(n,) position of each interview's respondent among all; None where no two share one, or ids tell nobody apart."""
    repeated = survey.log.repeated_ids
    if repeated is None or not repeated.is_id:
        return None
    place = {name: k for k, name in enumerate(dict.fromkeys(survey.respondents))}
    return np.array([place[name] for name in survey.respondents], dtype=np.int64)


def with_values_at_hand(measures: Sequence[IndicatorMeasure], survey: Survey, config: ReportConfig) -> list[FloatArray]:
    """The values of these measures for other interviews at hand, those of the survey; NaN where they are none."""
    values = {one.name: one.values for one in _at_hand(survey, config) if one.applicable}
    return [values.get(one.name, np.full(survey.n_rows, np.nan)) for one in measures]


def _at_hand(survey: Survey, config: ReportConfig) -> list[IndicatorMeasure]:
    """The measures of the interviews at hand; limits and scales are those of all interviews."""
    here = _interviews_at_hand(survey)
    return list(
        _measures(here if survey.whole is None else here.with_facts_of(survey.whole.interviews), survey, config)
    )


def _interviews_at_hand(survey: Survey) -> Interviews:
    """The interviews in memory, column by column."""
    seconds = survey.question_times
    return Interviews(
        arithmetic=ARRAYS,
        items=tuple(map(answered, survey.items)),
        others=tuple(map(answered, survey.others)),
        minutes=None if survey.minutes is None else lengths(survey.minutes),
        clock=clock(survey.times, survey.interviewer),
        questions=None if seconds is None else tuple(lengths(column) for column in seconds.spent.T),
    )


def _measures(of: Interviews, survey: Survey, config: ReportConfig) -> Iterator[IndicatorMeasure]:
    options, a = config.indicators, of.arithmetic
    table = answer_table(of.items, a)
    gates, numeric = of.others[: len(options.gates)], of.others[len(options.gates) :]
    makers: dict[IndicatorKind, Callable[[], Iterator[IndicatorMeasure]]] = {
        "nonresponse": lambda: nonresponse_measures(of.items, a),
        "straightlining": lambda: straightlining_measures(table, config.batteries, options.min_battery_items),
        "response_style": lambda: response_style_measures(table, options.agree),
        "speeding": lambda: chain(
            speed_measures(of.minutes, options.fast_share, a), question_measures(of.questions, options.timings, a)
        ),
        "times": lambda: time_measures(of.clock, options.hours, a),
        "gate": lambda: gate_measures(gates, options.gates, a),
        "heaping": lambda: heaping_measures(of.items, numeric, a),
        "back_check": lambda: back_check_measures(table, survey.back_check),
    }
    for kind, make in makers.items():
        for measure in make():
            yield replace(measure, values=None, reason=_SWITCHED_OFF) if kind in options.off else measure


def _or_reason(measure: IndicatorMeasure, whole: MeasuredWhole | None) -> IndicatorMeasure:
    """The measure, or its reason where no interview has a value."""
    if not measure.applicable or np.isfinite(measure.values).any():
        return measure
    if whole is not None and whole.has_values(measure.name):
        return measure
    return replace(measure, values=None, reason=measure.unless)
