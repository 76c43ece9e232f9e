"""Logistic and ordinal models in the page, the printed report and results.json."""

from __future__ import annotations

from msgspec import structs

from qa_reports.effects.categorical_items import CategoricalFailed
from qa_reports.effects.estimate import ItemEffects
from qa_reports.report.pdf import print_page
from qa_reports.report.render import render_html
from qa_reports.report.results_categorical import categorical_effects, categorical_record
from qa_reports.report.summarise import ReportSummary, summarise
from tests.report.example_survey import example_report_input

HOSTILE = "<script>alert(1)</script>"


def _summary(reason: str | None = None) -> ReportSummary:
    given = example_report_input()
    if reason is not None:
        items = tuple(
            structs.replace(item, categorical=CategoricalFailed(reason))
            if isinstance(item, ItemEffects) and item.item == "trstplc"
            else item
            for item in given.items
        )
        given = structs.replace(given, items=items)
    summary = summarise(**{field.name: getattr(given, field.name) for field in structs.fields(given)})
    return structs.replace(summary, printed_items=type(summary.printed_items)(item.item for item in summary.items))


def test_the_latent_icc_is_shown_apart_from_the_linear_one() -> None:
    summary = _summary()
    for page in (render_html(summary), print_page(summary).html):
        assert "latent ICC 9.9%" in page
        assert "not to be compared" in page
        assert "No adjusted model: a covariate separates the answers perfectly: age" in page


def test_a_reason_is_printed_and_escaped() -> None:
    summary = _summary(HOSTILE)
    for page in (render_html(summary), print_page(summary).html):
        assert "No logistic or ordinal model: &lt;script&gt;" in page
        assert HOSTILE not in page


def test_results_hold_every_number_of_it() -> None:
    given = example_report_input()
    item = next(item for item in given.items if isinstance(item, ItemEffects) and item.item == "gincdif")
    record = categorical_record(item)
    assert record is not None
    assert record["latent_icc_interval"] == [0.0, 0.24]
    assert record["judges_levels"] is True
    rows = list(categorical_effects(item, given.survey))
    assert {row["interviewer"] for row in rows} <= set(given.survey.interviewer_ids)
    assert len(rows) == item.null.n_interviewers
    others = [other for other in given.items if other is not item]
    assert [categorical_record(other) for other in others] == [None] * len(others)
