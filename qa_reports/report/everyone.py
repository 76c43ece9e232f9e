"""Every interviewer of the survey in the order of their evidence: rows of the fingerprint, and profiles on demand."""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist

from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.flag import Flags
from qa_reports.effects.spread_effects import SpreadEffects
from qa_reports.report.cells import ItemCells, measure_cells
from qa_reports.report.figures import FloatArray
from qa_reports.report.heat_map import HeatMap
from qa_reports.report.limits import most_people
from qa_reports.survey.clean import Covariate, Survey


class Person(Struct, frozen=True):
    """One interviewer in short."""

    interviewer: str
    position: int
    """In `Survey.interviewer_ids`, and so in the arrays of `ItemCells`."""
    team: str | None
    n_interviews: int
    severity: Literal["critical", "warning", "none"]
    too_few: bool
    combined_p: float | None
    spread_z: float | None
    """How much more (+) or less (-) their interviews vary than usual, over all items."""
    covariates: tuple[float | str | None, ...]


class Everyone(Struct, frozen=True, eq=False):
    """The interviewers on all modelled items."""

    people: tuple[Person, ...]
    """The rows of the fingerprint, and who can be asked for: the strongest evidence first, as in the heat map;
    everybody, or as many as a page can show."""
    n_everybody: int
    """J."""
    cells: tuple[ItemCells, ...]
    """One per modelled item."""
    covariates: tuple[str, ...]
    """Labels of the interviewer covariates."""
    row_order: tuple[int, ...]
    """For each row of the fingerprint, its place when rows that are alike stand together."""
    column_order: tuple[int, ...]
    """The same for the columns of the heat map."""
    has_spread: bool


def summarise_everyone(
    survey: Survey, modelled: tuple[ItemEffects, ...], flags: Flags, heat_map: HeatMap | None
) -> Everyone | None:
    """Everybody in the order of the heat map; None without one."""
    if heat_map is None:
        return None
    verdicts = {verdict.interviewer: verdict for verdict in flags.interviewers}
    position = {name: j for j, name in enumerate(survey.interviewer_ids)}
    spread = _spread_z(flags, len(position))
    people = tuple(
        Person(
            interviewer=name,
            position=position[name],
            team=verdicts[name].team,
            n_interviews=verdicts[name].n_interviews,
            severity=verdicts[name].severity,
            too_few=verdicts[name].too_few,
            combined_p=verdicts[name].combined_p,
            spread_z=None if np.isnan(spread[position[name]]) else float(spread[position[name]]),
            covariates=tuple(covariate_value(one, position[name]) for one in survey.interviewer_covariates),
        )
        for name in heat_map.interviewers[: most_people(len(modelled))]
    )
    z = heat_map.z[: len(people)]
    return Everyone(
        people=people,
        n_everybody=len(heat_map.interviewers),
        cells=tuple(measure_cells(item, survey) for item in modelled),
        covariates=tuple(covariate.label for covariate in survey.interviewer_covariates),
        row_order=_alike(z),
        column_order=_alike(z.T),
        has_spread=bool(np.isfinite(spread).any()),
    )


def covariate_value(covariate: Covariate, position: int) -> float | str | None:
    """An interviewer's value as it is printed: a number, a level's name, or nothing."""
    value = float(covariate.values[position])
    if np.isnan(value):
        return None
    return covariate.levels[int(value)] if covariate.kind == "categorical" else value


def _spread_z(flags: Flags, size: int) -> FloatArray:
    """(J,) z of the spread over all items; NaN where it says nothing."""
    z = np.full(size, np.nan)
    if isinstance(flags.spread, SpreadEffects):
        z[flags.spread.interviewer] = flags.spread.z
    return z


def _alike(z: FloatArray) -> tuple[int, ...]:
    """For each row its place in the order of an average-linkage tree, in which rows that are alike are neighbours."""
    if len(z) < 3:
        return tuple(range(len(z)))
    distances = pdist(np.clip(np.nan_to_num(z), -6, 6))  # left to linkage, a square table might be taken for distances
    leaves = leaves_list(linkage(distances, method="average"))
    places = np.empty(len(z), dtype=np.int64)
    places[leaves] = np.arange(len(z))
    return tuple(places.tolist())
