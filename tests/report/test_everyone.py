"""Everybody on every item: the fingerprint's rows, the page's data, their size, and whom to ask again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from msgspec import structs

from qa_reports.report.answers import count_answers
from qa_reports.report.cells import ItemCells, measure_cells
from qa_reports.report.everyone import Everyone, Person, summarise_everyone
from qa_reports.report.fingerprint import fingerprint_rows
from qa_reports.report.heat_map import build_heat_map
from qa_reports.report.limits import MOST_ROWS
from qa_reports.report.page_data import page_data
from qa_reports.report.recontact import respondents_to_recontact
from qa_reports.report.summarise import ReportSummary, summarise
from tests.report.example_survey import IDS, LOW, example_report_input

MOST_BYTES = 3_000_000
"""Of 1,000 interviewers by 22 items in rows and data together; the page as a whole has 8 MB."""


def summary_of(given: object) -> ReportSummary:
    fields = structs.fields(given)  # type: ignore[arg-type]
    return summarise(**{field.name: getattr(given, field.name) for field in fields})


def crowd(people: int, items: int) -> Everyone:
    rng = np.random.default_rng(7)

    def numbers() -> np.ndarray:
        return rng.normal(0, 1, people)

    cells = tuple(
        ItemCells(
            item=f"item{k}",
            label=f"Trust in institution number {k}",
            n=rng.integers(5, 40, people),
            mean=5 + numbers(),
            survey_mean=5.0,
            deviation=numbers(),
            z=numbers(),
            p=rng.random(people),
            reliability=rng.random(people),
            expected_rank=rng.uniform(1, people, people),
            n_ranked=people,
            detectable=rng.uniform(1, 4, people),
            answers=tuple(str(answer) for answer in range(11)),
            counts=rng.integers(0, 9, (people, 11)),
        )
        for k in range(items)
    )
    persons = tuple(
        Person(str(10_000 + j), j, "North", 20, "none", False, 0.3, 0.4, (3.0, "male")) for j in range(people)
    )
    order = tuple(range(min(people, MOST_ROWS)))
    return Everyone(persons, people, cells, ("Experience", "Sex"), order, tuple(range(items)), has_spread=True)


def test_a_thousand_interviewers_by_22_items_stay_small() -> None:
    everyone = crowd(1_000, 22)
    given = example_report_input()
    modelled = tuple(item for item in given.items if hasattr(item, "null"))
    heat_map = build_heat_map(given.survey, modelled, given.flags)
    assert heat_map is not None
    large = structs.replace(
        heat_map,
        interviewers=tuple(person.interviewer for person in everyone.people),
        items=tuple(cells.item for cells in everyone.cells),
        z=np.column_stack([cells.z for cells in everyone.cells]),
    )
    rows = fingerprint_rows(structs.replace(summary_of(given), heat_map=large, everyone=everyone))
    assert len(rows) == 1_000
    assert sum(len(row.cells.encode()) for row in rows) + len(page_data(everyone).encode()) < MOST_BYTES


def test_a_page_holds_the_strongest(monkeypatch: pytest.MonkeyPatch) -> None:
    given = example_report_input()
    modelled = tuple(item for item in given.items if hasattr(item, "null"))
    heat_map = build_heat_map(given.survey, modelled, given.flags)
    assert heat_map is not None
    monkeypatch.setattr("qa_reports.report.everyone.most_people", lambda n_items: 5)
    everyone = summarise_everyone(given.survey, modelled, given.flags, heat_map)
    assert everyone is not None
    assert [person.interviewer for person in everyone.people] == list(heat_map.interviewers[:5])
    assert sorted(everyone.row_order) == list(range(5))
    assert everyone.n_everybody == len(heat_map.interviewers) > 5
    assert json.loads(page_data(everyone))["more"] is True


def test_cells_are_the_interviewers_own_numbers() -> None:
    given = example_report_input()
    item, survey = given.items[1], given.survey
    cells = measure_cells(item, survey)
    answers = survey.items[1].answers
    for j in range(len(IDS)):
        own = answers[(survey.interviewer == j) & ~np.isnan(answers)]
        assert cells.n[j] == own.size
        assert cells.mean[j] == pytest.approx(own.mean())
        assert cells.counts[j].sum() == own.size
    assert cells.z == pytest.approx(item.judging.effects.z[:, 0])
    labels, counts = count_answers(survey.items[1], survey)
    assert counts.shape == (len(IDS), len(labels))
    assert counts.sum() == np.isfinite(answers).sum()


def test_rows_that_are_alike_stand_together() -> None:
    given = example_report_input()
    modelled = tuple(item for item in given.items if hasattr(item, "null"))
    heat_map = build_heat_map(given.survey, modelled, given.flags)
    assert heat_map is not None
    z = np.where(np.arange(12)[:, None] % 2 == 0, 3.0, -3.0) * np.ones((12, 3))
    everyone = summarise_everyone(given.survey, modelled, given.flags, structs.replace(heat_map, z=z))
    assert everyone is not None
    places = np.array(everyone.row_order)
    assert sorted(places) == list(range(12))
    even = sorted(places[::2])
    assert even in (list(range(6)), list(range(6, 12)))


def test_page_data_cannot_end_its_script() -> None:
    hostile = "</script><script>alert(1)</script>"
    summary = summary_of(example_report_input(label=hostile, interviewer=hostile))
    assert summary.everyone is not None
    text = page_data(summary.everyone)
    assert "<" not in text
    assert json.loads(text)["people"][0]["id"] == hostile


def test_whom_to_ask_again() -> None:
    given = example_report_input()
    survey, flags = given.survey, [flag for flag in given.flags.flags if flag.interviewer == IDS[LOW]]
    found = respondents_to_recontact(IDS[LOW], flags, survey)
    helpful = survey.items[1].answers
    chosen = [survey.respondents.index(name) for name in found.respondents]
    assert {IDS[survey.interviewer[row]] for row in chosen} == {IDS[LOW]}
    own = helpful[survey.interviewer == LOW]
    assert np.nanmean(helpful[chosen]) < np.nanmean(own), "the flag is for low answers"
    spread = [structs.replace(flags[0], kind="spread", items=())]
    evenly = respondents_to_recontact(IDS[LOW], spread, survey)
    rows = [survey.respondents.index(name) for name in evenly.respondents]
    theirs = np.flatnonzero(survey.interviewer == LOW)
    assert (rows[0], rows[-1], len(rows)) == (theirs[0], theirs[-1], 5)
