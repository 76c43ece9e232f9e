"""All indicators of a survey, in the order in which a report shows them. Read `measure_indicators` first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from qa_reports.config import IndicatorKind, ReportConfig
from qa_reports.indicators.answers import AnswerTable, answer_table
from qa_reports.indicators.duplicates import Duplicates, find_duplicates, no_duplicates
from qa_reports.indicators.gates import gate_measures
from qa_reports.indicators.heaping import heaping_measures
from qa_reports.indicators.measure import IndicatorMeasure
from qa_reports.indicators.nonresponse import nonresponse_measures
from qa_reports.indicators.re_interviews import back_check_measures
from qa_reports.indicators.response_style import response_style_measures
from qa_reports.indicators.straightlining import straightlining_measures
from qa_reports.indicators.timing import question_measures, speed_measures, time_measures
from qa_reports.survey.clean import Survey

_SWITCHED_OFF = "switched off (indicators.off)"
_SAMPLED = "most interviews are not at hand one by one (docs/scale.md)"


@dataclass(frozen=True, slots=True, eq=False)
class Indicators:
    """Everything that is measured per interview."""

    measures: tuple[IndicatorMeasure, ...]
    """Applicable or not, by kind, in the order of the report."""
    duplicates: Duplicates | None
    """What similar pairs say; None where switched off."""


def measure_indicators(survey: Survey, config: ReportConfig) -> Indicators:
    """Measure every indicator that is not switched off; those that are have that as their reason."""
    options, n, off = config.indicators, survey.n_rows, frozenset(config.indicators.off)
    table = answer_table(survey.items)
    gates, numeric = survey.others[: len(options.gates)], survey.others[len(options.gates) :]
    makers: dict[IndicatorKind, Callable[[], Iterator[IndicatorMeasure]]] = {
        "nonresponse": lambda: nonresponse_measures(survey.items),
        "straightlining": lambda: straightlining_measures(table, config.batteries, options.min_battery_items),
        "response_style": lambda: response_style_measures(survey.items, table, options.agree),
        "speeding": lambda: chain(
            speed_measures(survey.minutes, n, options.fast_share),
            question_measures(survey.question_times, n, options.timings),
        ),
        "times": lambda: time_measures(survey.times, survey.interviewer, options.hours),
        "gate": lambda: gate_measures(gates, options.gates, n),
        "heaping": lambda: heaping_measures(survey.items, numeric, n),
        "back_check": lambda: back_check_measures(table, survey.back_check),
    }
    sampled = survey.n_rows < survey.n_interviews
    missing = _SWITCHED_OFF if "duplicates" in off else _SAMPLED if sampled else None
    duplicates = _duplicates(survey, table, options.min_shared_answers) if missing is None else None
    measures = [
        _without_values(measure) if kind in off else measure for kind, make in makers.items() for measure in make()
    ]
    measures.append(duplicates.measure if duplicates else no_duplicates(n, missing or ""))
    return Indicators(tuple(measures), duplicates)


def _duplicates(survey: Survey, table: AnswerTable, fewest: int) -> Duplicates:
    return find_duplicates(table.answers, survey.interviewer, len(survey.interviewer_ids), fewest)


def _without_values(measure: IndicatorMeasure) -> IndicatorMeasure:
    return replace(measure, values=np.full(len(measure.values), np.nan), reason=_SWITCHED_OFF)
