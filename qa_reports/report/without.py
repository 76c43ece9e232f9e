"""What the survey's results would be without one interviewer: the ICC and the mean of every item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from qa_reports.effects.estimate import ItemEffects
from qa_reports.report.figures import IntArray
from qa_reports.report.formats import count_of, percent, ratio
from qa_reports.survey.clean import Survey

_SMALL_ICC = 0.005
_SMALL_MEAN = 0.02
"""Standard deviations of the item: with smaller changes on every item, results hardly change."""


class ItemWithout(Struct, frozen=True):
    """One item with and without an interviewer."""

    item: str
    label: str
    icc: float | None
    """Of the model that judges levels, adjusted for respondents where there are covariates; None where it has none."""
    icc_without: float | None
    """None where the model is not known without them, or the variance is zero with everybody."""
    mean: float
    """Of all valid answers, without weights."""
    mean_without: float | None
    """None where nobody else answered."""
    sd: float
    """Of all valid answers."""
    adjusted: bool
    """Whether the ICC is that of the model with the respondents' covariates, not the null model's of other tables."""

    @property
    def icc_change(self) -> float:
        """NaN where not known."""
        return float("nan") if self.icc is None or self.icc_without is None else self.icc_without - self.icc

    @property
    def mean_change(self) -> float:
        """In scale points; NaN where not known."""
        return float("nan") if self.mean_without is None else self.mean_without - self.mean


class Without(Struct, frozen=True):
    """What would change without one interviewer."""

    n_interviews: int
    """Interviews that would be missing."""
    items: tuple[ItemWithout, ...]
    """Every modelled item, in the survey's order."""
    sentence: str


def without_interviewers(
    named: Mapping[str, Sequence[str]], modelled: Sequence[ItemEffects], survey: Survey
) -> dict[str, Without]:
    """Every item without each of some interviewers' interviews, from the leave-one-out fits that flags rest on.

    Args:
        named: interviewer -> items that their flags rest on: the sentence speaks of one of them, or of any item where
            there is none.
        modelled: the items' models.
        survey: the survey.
    """
    if not named:
        return {}
    positions = {interviewer: j for j, interviewer in enumerate(survey.interviewer_ids)}
    rows = np.array([positions[interviewer] for interviewer in named])
    columns = [_item(item, rows, survey) for item in modelled]
    found = {}
    for k, (interviewer, position) in enumerate(zip(named, rows.tolist(), strict=True)):
        items, n = tuple(column[k] for column in columns), int(survey.workload[position])
        about = [one for one in items if one.item in named[interviewer]] or list(items)
        found[interviewer] = Without(n, items, _sentence(n, items, about))
    return found


def _item(item: ItemEffects, rows: IntArray, survey: Survey) -> list[ItemWithout]:
    """An item without each of these interviewers; its answers are counted once for all of them."""
    counted = survey.answer_counts(item.item)
    everybody = counted.counts.sum(axis=0)
    mean = float(np.average(counted.values, weights=everybody))
    sd = float(np.sqrt(np.average((counted.values - mean) ** 2, weights=everybody)))
    found = []
    for others, (icc, without) in zip(everybody - counted.counts[rows], _iccs(item, rows), strict=True):
        found.append(
            ItemWithout(
                item=item.item,
                label=item.label,
                icc=icc,
                icc_without=without,
                mean=mean,
                mean_without=float(np.average(counted.values, weights=others)) if others.any() else None,
                sd=sd,
                adjusted=item.judging is not item.null,
            )
        )
    return found


def _iccs(item: ItemEffects, rows: IntArray) -> list[tuple[float | None, float | None]]:
    """The ICC with everybody and without each of these interviewers, in the judging model."""
    model = item.judging
    between, within, effects = model.variance.intercept, model.variance.residual, model.effects
    if between is None or "intercept" not in effects.terms:
        return [(None, None)] * len(rows)
    icc, column = between / (between + within), effects.terms.index("intercept")
    place = {position: row for row, position in enumerate(effects.interviewer.tolist())}

    def without(position: int) -> float | None:
        row = place.get(position)
        if row is None:
            return icc  # no answers of theirs are in it
        left = between * effects.variance_ratio[row, column]
        rest = within * effects.residual_ratio[row]
        return float(left / (left + rest)) if np.isfinite(left) and np.isfinite(rest) else None

    return [(icc, without(position)) for position in rows.tolist()]


def _sentence(n: int, items: Sequence[ItemWithout], about: Sequence[ItemWithout]) -> str:
    these = "Without this interview" if n == 1 else f"Without these {count_of(n, 'interview')}"
    if not items:
        return ""
    icc = max((abs(one.icc_change) for one in items if np.isfinite(one.icc_change)), default=0.0)
    mean = max((abs(one.mean_change) for one in items if np.isfinite(one.mean_change)), default=0.0)
    relative = max((_relative(one) for one in items), default=0.0)
    if icc < _SMALL_ICC and relative < _SMALL_MEAN:
        return (
            f"{these} the results would hardly change: no mean by more than {ratio(mean)} scale points, no interviewer "
            f"ICC by more than {ratio(100 * icc)} percentage points."
        )
    most = max(about, key=lambda one: (np.nan_to_num(abs(one.icc_change)), _relative(one)))
    clauses = []
    if np.isfinite(most.icc_change):
        clauses.append(
            f"interviewers would account for {percent(most.icc_without)} of the variation of “{most.label}” instead of "
            f"{percent(most.icc)}{' (after allowing for respondents)' if most.adjusted else ''}"
        )
    if most.mean_without is not None:
        whose = "its mean" if clauses else f"the mean of “{most.label}”"
        clauses.append(f"{whose} would be {ratio(most.mean_without)} instead of {ratio(most.mean)}")
    return f"{these}, {', and '.join(clauses)}." if clauses else ""


def _relative(one: ItemWithout) -> float:
    """Change of the mean in standard deviations of the item."""
    return abs(one.mean_change) / one.sd if one.sd > 0 and np.isfinite(one.mean_change) else 0.0
