"""Earlier waves: found in the archive, compared item by item and interviewer by interviewer."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jsonschema
import msgspec
import numpy as np
import pytest
from msgspec import structs
from scipy import stats

import qa_reports.report.pdf as pdf
from qa_reports.cli import main
from qa_reports.config import load_config
from qa_reports.delivery.archive import list_archive
from qa_reports.delivery.history import find_history, other_data_note
from qa_reports.report.results import results_json, results_schema
from qa_reports.report.summarise import ReportSummary
from qa_reports.report.trends import icc_trend, sparkline
from qa_reports.report.wave_changes import PerhapsOther, compare_interviewers, other_people, roster
from qa_reports.report.wave_results import (
    EffectResult,
    FixedEffectResult,
    InterviewerResult,
    ItemModels,
    ItemResult,
    ModelResults,
    WaveResults,
)
from qa_reports.report.wave_sentences import not_compared_sentence, roster_sentence, since_sentence
from qa_reports.report.wave_words import same_question
from qa_reports.report.waves import Wave, WavePoint, compare_waves, icc_change, icc_limits, mean_change
from tests.delivery.archived import put
from tests.small_wave import SmallWave

CLOSE = 1e-12
"""Relative: the same formula written twice differs by rounding only."""


def item(key: str = "police", icc: float | None = 0.05, **changes: object) -> ItemResult:
    mean = ModelResults("converged", (FixedEffectResult("(Intercept)", 5.0, 0.1, 11.0),))
    made = ItemResult(
        item=key,
        key=key,
        label=f"Label of {key}",
        kind="linear",
        scale=(0.0, 10.0),
        n_interviews=100,
        icc=icc,
        icc_interval=None if icc is None else (icc / 2, 2 * icc + 0.01),
        models=ItemModels(mean),
    )
    return structs.replace(made, **changes)


def person(name: str, severity: str = "none", too_few: bool = False, **covariates: str) -> InterviewerResult:
    return InterviewerResult(name, 20, severity, too_few, dict(covariates))


def wave(
    name: str, *items: ItemResult, people: tuple[InterviewerResult, ...] = (), effects: tuple[EffectResult, ...] = ()
) -> Wave:
    return Wave(name, f"run-{name}", WaveResults(1, name, items, effects, people))


def point(icc: float | None, interval: tuple[float, float] | None) -> WavePoint:
    return WavePoint("w", "i", 100, icc, interval, None, None)


# Tests of change.


def test_the_change_of_an_icc_recovers_the_variances_of_both() -> None:
    change = icc_change(point(0.10, (0.06, 0.16)), point(0.04, (0.01, 0.07)))
    assert change is not None
    assert change.difference == pytest.approx(0.06, rel=CLOSE)
    assert change.low == pytest.approx(0.06 - math.hypot(0.04, 0.03), rel=CLOSE)
    assert change.high == pytest.approx(0.06 + math.hypot(0.06, 0.03), rel=CLOSE)


@pytest.mark.parametrize(("now", "then"), [(0.10, 0.04), (0.04, 0.10), (0.02, 0.0), (0.0, 0.02)])
def test_the_interval_leaves_zero_out_when_p_is_below_five_percent(now: float, then: float) -> None:
    for width in np.linspace(0.005, 0.09, 60).tolist():
        ends = [(max(0.0, icc - width), icc + width) for icc in (now, then)]
        change = icc_change(point(now, ends[0]), point(then, ends[1]))
        assert change is not None
        assert (change.p < 0.05) == (not change.low <= 0 <= change.high)
        assert 0 <= change.p <= 1


def test_the_test_of_an_icc_keeps_its_level() -> None:
    """Two waves with one true ICC of a balanced design, exact F intervals: about 5% of the tests reject."""
    random = np.random.default_rng(20261122)
    k, n, icc = 60, 20, 0.08
    ratio = 1 + n * icc / (1 - icc)

    def waves(size: int) -> list[WavePoint]:
        f = ratio * (random.chisquare(k - 1, size) / (k - 1)) / (random.chisquare(k * (n - 1), size) / (k * (n - 1)))
        upper, lower = stats.f.ppf([0.975, 0.025], k - 1, k * (n - 1))

        def to_icc(value: np.ndarray) -> np.ndarray:
            return np.maximum(0, (value - 1) / (value - 1 + n))

        ends = zip(to_icc(f / upper).tolist(), to_icc(f / lower).tolist(), strict=True)
        return [point(value, end) for value, end in zip(to_icc(f).tolist(), ends, strict=True)]

    changes = [icc_change(now, then) for now, then in zip(waves(4000), waves(4000), strict=True)]
    rejected = np.mean([change is not None and change.p < 0.05 for change in changes])
    assert 0.035 < rejected < 0.065  # 4,000 tests: +- 0.007 by chance, and intervals that are not quite symmetric


def test_an_icc_without_interval_is_not_tested() -> None:
    assert icc_change(point(0.1, None), point(0.1, (0.0, 0.2))) is None
    assert icc_change(point(None, None), point(0.1, (0.0, 0.2))) is None


def test_the_change_of_a_mean_is_welchs_test() -> None:
    now, then = FixedEffectResult("(Intercept)", 5.3, 0.2, 24.0), FixedEffectResult("(Intercept)", 4.9, 0.1, 9.0)
    change = mean_change(now, then)
    assert change is not None
    reference = stats.ttest_ind_from_stats(5.3, 0.2 * 5, 25, 4.9, 0.1 * math.sqrt(10), 10, equal_var=False)
    assert change.p == pytest.approx(reference.pvalue, rel=1e-9)
    df = (0.2**2 + 0.1**2) ** 2 / (0.2**4 / 24 + 0.1**4 / 9)
    half = stats.t.ppf(0.975, df) * math.hypot(0.2, 0.1)
    assert (change.low, change.high) == pytest.approx((0.4 - half, 0.4 + half), rel=1e-9)
    normal = mean_change(structs.replace(now, df=None), structs.replace(then, df=None))
    assert normal is not None
    assert normal.p == pytest.approx(2 * stats.norm.sf(0.4 / math.hypot(0.2, 0.1)), rel=1e-9)


def test_tests_are_adjusted_for_their_number() -> None:
    then = wave("1", *(item(f"q{k}", 0.02, icc_interval=(0.015, 0.025)) for k in range(10)))
    now = wave("2", item("q0", 0.03, icc_interval=(0.0215, 0.04)), *(item(f"q{k}", 0.021) for k in range(1, 10)))
    comparison = compare_waves([then], now, 0.05)
    assert comparison is not None
    change = comparison.items[0].icc_change
    assert change is not None
    assert change.p < 0.05 < change.q
    assert not change.changed
    assert change.q == pytest.approx(10 * change.p, rel=1e-9)


def test_limits_come_from_five_waves_on() -> None:
    earlier = [0.040, 0.050, 0.045, 0.055]
    assert icc_limits(earlier[:3], 0.05) is None
    limits = icc_limits(earlier, 0.05)
    assert limits is not None
    reach = stats.t.isf(stats.norm.sf(3), 3) * np.std(earlier, ddof=1) * math.sqrt(1.25)
    assert limits.centre == pytest.approx(0.0475, rel=CLOSE)
    assert limits.high == pytest.approx(0.0475 + reach, rel=1e-9)
    assert limits.low == 0
    assert not limits.beyond
    assert icc_limits(earlier, 0.3).beyond  # type: ignore[union-attr]


# Items.


def test_items_are_matched_by_key_and_scales_are_checked() -> None:
    first = wave("1", item("police", 0.05, item="Q59H"), item("same", scale=(1.0, 4.0)), item("gone"))
    second = wave("2", item("police", 0.06, item="Q52H"), item("same", scale=(1.0, 4.0)))
    now = wave(
        "3", item("police", 0.07, item="Q43G"), item("same", scale=(1.0, 5.0)), item("fresh"), item("flat", None)
    )
    comparison = compare_waves([first, second], now, 0.05)
    assert comparison is not None
    police, same, fresh, unmodelled = comparison.items
    assert [p and (p.wave, p.item, p.icc) for p in police.points] == [
        ("1", "Q59H", 0.05), ("2", "Q52H", 0.06), ("3", "Q43G", 0.07)
    ]  # fmt: skip
    assert police.then is not None
    assert police.then.wave == "2"
    assert same.points[:2] == (None, None)
    assert (same.icc_change, same.mean_change, same.then) == (None, None, None)
    assert same.note == "scale 1 to 4 in wave 2, 1 to 5 now: not compared"
    assert fresh.note == unmodelled.note == "not examined in an earlier wave"


def test_items_without_an_earlier_wave_are_said_in_a_sentence() -> None:
    first = wave("1", item("same"), item("wider", scale=(1.0, 4.0)))
    comparison = compare_waves([first], wave("2", item("same"), item("wider"), item("fresh"), item("new")), 0.05)
    assert comparison is not None
    assert [one.item for one in comparison.compared] == ["same"]
    assert not_compared_sentence(comparison) == (
        "2 items were not examined in an earlier wave: Label of fresh; Label of new. 1 item cannot be compared as "
        "things are: Label of wider (scale 1 to 4 in wave 1, 0 to 10 now: not compared)."
    )
    alike = compare_waves([first], wave("2", item("same")), 0.05)
    assert alike is not None
    assert not_compared_sentence(alike) is None


def test_a_name_that_stood_for_another_question_compares_nothing() -> None:
    """Rounds number their questions anew: Q53A was one, and is another."""
    then = wave("6", item("Q53A", label="Corruption: office of the Presidency"), item("Q52A", label="Trust president"))
    asked = item("Q53A", label="Likelihood of response: reporting teacher misconduct")
    comparison = compare_waves([then], wave("7", asked), 0.05)
    assert comparison is not None
    assert (comparison.items[0].then, comparison.items[0].mean_change) == (None, None)
    assert comparison.items[0].note == "in wave 6 Q53A is “Corruption: office of the Presidency”: not compared"
    assert comparison.notes == (
        "1 item has the name of another question in an earlier wave, by the labels, and nothing to compare with "
        "(see below).",
    )
    # Whoever gives it a key says that it is the same.
    keyed = compare_waves([then], wave("7", asked), 0.05, keyed={"Q53A"})
    assert keyed is not None
    assert keyed.items[0].then is not None
    assert keyed.notes == ()


def test_a_question_under_another_name_is_pointed_out() -> None:
    then = wave("6", item("Q52A", label="Trust president"), item("Q53A", label="Corruption: office of the Presidency"))
    now = wave("7", item("Q43A", label="Trust: President"), item("Q53A", label="Trust police"))
    comparison = compare_waves([then], now, 0.05)
    assert comparison is not None
    assert [one.note for one in comparison.items] == [
        "Q52A in wave 6: compared with key: Q52A",
        "in wave 6 Q53A is “Corruption: office of the Presidency”: not compared",
    ]
    assert [note[:6] for note in comparison.notes] == ["1 item", "1 item"]
    twice = wave("6", item("a", label="Trust president"), item("b", label="Trust president"))
    ambiguous = compare_waves([twice], now, 0.05)
    assert ambiguous is not None
    assert ambiguous.items[0].note == "not examined in an earlier wave"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Trust parliament", "Trust parliament/national assembly", True),
        ("Vertrauen: Polizei", "Vertrauen in die Polizei", True),
        ("TRUST THE POLICE", "the police: trust", True),
        ("Trust president", "Trust police", False),
        ("Corruption: police", "Likelihood of response: reporting corruption", False),
        ("\u4fe1\u4efb\u8b66\u5bdf", "\u4fe1\u4efb\u653f\u5e9c", False),
        ("\u4fe1\u4efb\u8b66\u5bdf", "\u5bf9\u8b66\u5bdf\u7684\u4fe1\u4efb", True),
        ("?", "!", True),
    ],
)
def test_labels_of_one_question(first: str, second: str, same: bool) -> None:
    assert same_question(first, second) is same


def test_without_labels_names_have_to_do() -> None:
    comparison = compare_waves([wave("1", item("q1", label="q1"))], wave("2", item("q1", label="Trust")), 0.05)
    assert comparison is not None
    assert comparison.items[0].then is not None


@pytest.mark.parametrize(
    ("then", "now", "note"),
    [
        ({}, {"icc_interval": None}, "no interval of the ICC, so its change is not tested"),
        ({"scale": None}, {}, "no scale declared in both waves: whether it is the same is not checked"),
        ({"icc": None, "models": ItemModels(None)}, {}, "not modelled in wave 1"),
        ({}, {"icc": None, "models": ItemModels(None)}, "not modelled now"),
        ({"reversed": True}, {}, "turned round in wave 1 only: see that both scales run the same way"),
        ({}, {"reversed": True}, "turned round now only: see that both scales run the same way"),
        ({"reversed": True}, {"reversed": True}, None),
        ({"kind": "ordinal"}, {}, None),
        ({}, {}, None),
    ],
)
def test_what_is_not_compared_is_said(then: dict[str, object], now: dict[str, object], note: str | None) -> None:
    comparison = compare_waves([wave("1", item(**then))], wave("2", item(**now)), 0.05)  # type: ignore[arg-type]
    assert comparison is not None
    assert comparison.items[0].note == note


def test_a_first_wave_is_not_compared() -> None:
    assert compare_waves([], wave("1", item()), 0.05) is None


# Interviewers.


def test_what_was_looked_into_is_neither_new_nor_resolved() -> None:
    seen = {name: structs.replace(person(name), reviewed=True) for name in ("again", "over")}
    before = (person("again", "critical"), seen["over"])
    now = (seen["again"], person("over", "warning"))
    waves = [wave("1", item(), people=before), wave("2", item(), people=now)]
    changes = compare_interviewers(["1", "2"], [w.results for w in waves])
    assert [(c.interviewer, c.status) for c in changes] == [("over", "repeated"), ("again", "reviewed")]
    comparison = compare_waves(waves[:1], waves[1], 0.05)
    assert comparison is not None
    assert since_sentence(comparison) == "Since wave 1: 0 new, 1 repeated, 0 resolved, 1 looked into already."


def test_every_status_of_an_interviewer() -> None:
    before = (
        person("again", "warning"), person("resolved", "critical"), person("few", "warning"), person("gone", "warning"),
        person("fine"),
    )  # fmt: skip
    now = (
        person("again", "critical"), person("fine", "warning"), person("resolved"), person("few", too_few=True),
        person("joined", "warning"), person("quiet"),
    )  # fmt: skip
    z = tuple(EffectResult("police", m, "again", t, 9.0 if m == "slope" else -2.0) for m, t in
              (("adjusted", "intercept"), ("slope", "intercept"), ("slope", "slope:x")))  # fmt: skip
    waves = [wave("1", item(), people=before), wave("2", item(), people=now, effects=z)]
    changes = compare_interviewers(["1", "2"], [w.results for w in waves])
    assert [(c.interviewer, c.status, c.joined) for c in changes] == [
        ("again", "repeated", False), ("fine", "new", False), ("joined", "new", True), ("resolved", "resolved", False),
        ("few", "not_judged", False), ("gone", "left", False),
    ]  # fmt: skip
    assert changes[0].flagged_in == ("1", "2")
    last = changes[0].trajectory[-1]
    assert last is not None
    assert (last.mean_absolute_z, last.z) == (2.0, (("police", -2.0),))
    assert changes[-1].trajectory[-1] is None
    assert roster(waves[0].results, waves[1].results) == (
        ("joined", "quiet"), ("gone",), ("again", "fine", "resolved", "few")
    )  # fmt: skip
    comparison = compare_waves(waves[:1], waves[1], 0.05)
    assert comparison is not None
    assert since_sentence(comparison) == (
        "Since wave 1: 2 new, 1 repeated, 1 resolved, 1 no longer working, 1 with too few interviews now."
    )
    assert roster_sentence(comparison) == "4 interviewers worked in wave 1 too, 2 joined, 1 left."


def test_interviewers_are_left_alone_where_ids_are_other_people() -> None:
    waves = [wave(n, item(), people=(person("a", "warning"),)) for n in ("1", "2")]
    comparison = compare_waves(waves[:1], waves[1], 0.05, same_interviewers=False)
    assert comparison is not None
    assert (comparison.interviewers, comparison.joined, comparison.left) == ((), (), ())
    assert since_sentence(comparison) == "Compared with wave 1; interviewers are not matched over waves."
    assert roster_sentence(comparison) is None


def test_another_gender_under_the_same_id_is_noticed() -> None:
    before = wave("1", people=(person("a", sex="Male"), person("b", sex="Male"))).results
    now = wave("2", people=(person("a", sex="Female"), person("b", sex="Male"), person("c", sex="Male"))).results
    assert other_people(before, now, {"sex": "Gender"}) == (PerhapsOther("a", "sex", "Gender", "Male", "Female"),)
    assert other_people(now, now, {}) == ()


def test_categories_that_are_only_spelled_otherwise_are_nobody_else() -> None:
    before = wave("1", people=(person("a", sex="Male"), person("b", sex="Female"))).results
    upper = wave("2", people=(person("a", sex="MALE"), person("b", sex="FEMALE"))).results
    coded = wave("2", people=(person("a", sex="1"), person("b", sex="2"))).results
    assert other_people(before, upper, {}) == other_people(before, coded, {}) == ()


def other_people_waves() -> tuple[Wave, Wave]:
    """Of three who were worth a call before, one is perhaps somebody else; so is one of two who are now."""
    before = ("critical", "Male"), ("warning", "Male"), ("none", "Male"), ("none", "Male")
    now = ("none", "Female"), ("none", "Male"), ("warning", "Female"), ("warning", "Male")
    then, present = (
        wave(name, item(), people=tuple(person(who, s, sex=sex) for who, (s, sex) in zip("abcd", these, strict=True)))
        for name, these in (("Round 5", before), ("Round 6", now))
    )
    return then, present


def test_who_is_perhaps_somebody_else_is_not_counted() -> None:
    then, now = other_people_waves()
    comparison = compare_waves([then], now, 0.05, covariate_labels={"sex": "Interviewer's gender"})
    assert comparison is not None
    assert since_sentence(comparison) == (
        "Since Round 5: 1 new, 0 repeated, 1 resolved. 2 ids are left out of this: “Interviewer's gender” differs, so "
        "they are perhaps other people."
    )
    assert [(change.interviewer, change.status) for change in comparison.interviewers] == [
        ("d", "new"), ("b", "resolved"), ("a", "perhaps_other"), ("c", "perhaps_other")
    ]  # fmt: skip
    assert roster_sentence(comparison) == "2 interviewers worked in Round 5 too, 0 joined, 0 left."
    (note,) = comparison.notes
    assert note == (
        "“Interviewer's gender” is not what it was in Round 5 for a (Male then, Female now) and c (Male then, Female "
        "now). If they are the same people all the same, set archive.same_interviewers to true; if ids are given to "
        "other people in every wave, to false."
    )


def test_who_says_that_ids_are_the_same_people_is_believed() -> None:
    then, now = other_people_waves()
    comparison = compare_waves([then], now, 0.05, same_interviewers=True)
    assert comparison is not None
    assert since_sentence(comparison) == "Since Round 5: 2 new, 0 repeated, 2 resolved."
    assert (comparison.perhaps_others, comparison.notes) == ((), ())


def test_the_sentence_names_the_items_that_changed() -> None:
    then = wave("Round 6", item("police", 0.01, icc_interval=(0.0, 0.02)))
    comparison = compare_waves([then], wave("Round 7", item("police", 0.2, icc_interval=(0.15, 0.25))), 0.05)
    assert comparison is not None
    assert since_sentence(comparison) == (
        "Since Round 6: nobody was worth a call then, and nobody is now. "
        "The interviewer ICC changed for Label of police (1.0% to 20%)."
    )


# Pictures.


def test_pictures_of_trends_are_whole_and_escaped() -> None:
    waves = [wave(str(k), item("a<b", 0.01 * k)) for k in range(1, 6)]
    waves[2] = wave("3", item("other"))
    now = wave('<6 & "more">', item("a<b", 0.2))
    comparison = compare_waves(waves, now, 0.05)
    assert comparison is not None
    shown = comparison.items[0]
    assert shown.limits is not None
    drawn = icc_trend(shown, comparison.waves, comparison.highest_icc)
    assert "a<b" not in drawn
    assert "<6" not in drawn
    assert "nan" not in drawn
    assert 'class="average"' in drawn
    assert drawn.count("h0") == 4  # a dot for each earlier wave that has it; the present one is the diamond
    assert "nan" not in sparkline([None, 0.0, None], "<title>")
    assert "<title>&lt;title&gt;" in sparkline([], "<title>")


# From the archive.


def test_the_latest_run_of_each_earlier_wave_is_found(small_wave: SmallWave) -> None:
    small_wave.replace("wave: 1", 'wave: "3"')
    config = load_config(small_wave.config)
    archive = small_wave.folder / "archive"
    results = {
        mark: msgspec.json.encode(wave(mark, item(icc=icc)).results)
        for mark, icc in (("a", 0.01), ("b", 0.02), ("c", 0.03), ("d", 0.04))
    }
    mine = {"survey": "Small  wave", "country": None}
    put(archive, {"results.json": results["a"]}, wave="1", **mine)
    two = put(archive, {"results.json": results["b"]}, wave="2", **mine)
    put(archive, {"results.json": results["c"]}, wave="3", **mine)
    one_again = put(archive, {"results.json": results["d"]}, wave="1", **mine)
    put(archive, {"results.json": results["a"]}, wave="4", **mine)
    put(archive, {"results.json": results["a"]}, wave="0", survey="Small wave", country="Elsewhere")
    put(archive, {"results.json": results["a"]}, wave="0", survey="Another", country=None)

    history = find_history(list_archive(archive).runs, config)
    assert [(w.name, w.run) for w in history.waves] == [("1", one_again.manifest.run), ("2", two.manifest.run)]
    assert history.waves[0].results.items[0].icc == 0.04
    assert history.notes == ()

    (one_again.folder / "results.json").write_bytes(results["b"])
    passed_over = find_history(list_archive(archive).runs, config)
    assert passed_over.waves[0].results.items[0].icc == 0.01
    (note,) = passed_over.notes
    assert note.endswith("results.json: cannot be compared with (the file is not what was archived)")

    small_wave.replace("items:", 'archive: {folder: archive, earlier_waves: ["4", "5", "2"]}\nitems:')
    chosen = find_history(list_archive(archive).runs, load_config(small_wave.config))
    assert [w.name for w in chosen.waves] == ["4", "2"]
    assert chosen.notes == ("no run of wave 5 is in the archive, so it is not compared",)


def test_results_of_another_version_are_passed_over(small_wave: SmallWave) -> None:
    small_wave.replace("wave: 1", 'wave: "3"')
    archive = small_wave.folder / "archive"
    put(archive, {"results.json": b'{"schema_version": 1}'}, survey="Small wave", wave="1", country=None)
    history = find_history(list_archive(archive).runs, load_config(small_wave.config))
    assert history.waves == ()
    assert "cannot be compared with (Object missing required field `wave`)" in history.notes[0]


def notes_of(archive: Path, small_wave: SmallWave) -> tuple[str, ...]:
    return find_history(list_archive(archive).runs, load_config(small_wave.config)).notes


def test_waves_under_another_spelling_or_country_are_named(small_wave: SmallWave) -> None:
    archive = small_wave.folder / "archive"
    results = {"results.json": msgspec.json.encode(wave("0", item()).results)}
    put(archive, results, survey="A quite other survey", wave="0", country=None)
    put(archive, results, survey="SMALL-WAVE", wave="1", country=None)  # this very wave
    assert notes_of(archive, small_wave) == ()
    put(archive, results, survey="SMALL-WAVE", wave="0", country=None)
    assert notes_of(archive, small_wave) == (
        "no earlier wave of Small wave is in the archive, but it has SMALL-WAVE (wave 0); if "
        "that is the same survey, write survey.name as there",
    )
    put(archive, results, survey="Small wave", wave="0", country="Belgium")
    (note,) = notes_of(archive, small_wave)
    assert "has SMALL-WAVE without a country (wave 0) and Small wave, Belgium (wave 0); if" in note
    assert note.endswith("write survey.name and survey.country as there")
    put(archive, results, survey="Small wave", wave="1", country=None)
    put(archive, results, survey="Small wave", wave="2", country="France")  # a later wave
    assert notes_of(archive, small_wave) == (note,)
    small_wave.replace("items:", "archive: {folder: archive, earlier_waves: []}\nitems:")
    assert notes_of(archive, small_wave) == ()
    small_wave.replace(", earlier_waves: []", "")
    small_wave.replace("wave: 1", "wave: 3")  # which has an earlier one, wave 1
    assert notes_of(archive, small_wave) == ()


def test_other_data_under_a_name_that_is_archived_are_noted(small_wave: SmallWave) -> None:
    archive = small_wave.folder / "archive"
    config = load_config(small_wave.config)
    mine = {"survey": "Small wave", "country": None}
    put(archive, wave="0", data=("b",), **mine)
    put(archive, wave="1", data=("b",), survey="Small wave", country="Belgium")
    assert other_data_note(list_archive(archive).runs, config, ("b",)) is None
    first = put(archive, wave="1", data=("a",), **mine)
    runs = list_archive(archive).runs
    assert other_data_note(runs, config, ("a",)) is None
    assert other_data_note(runs, config, ("a", "c")) is None  # a file is added
    assert other_data_note(runs, config, ()) is None  # the table of a database
    assert other_data_note(runs, config, ("b",)) == (
        f"wave 1 is archived already, with other data (1,200 interviews, run {first.manifest.run}); if this is a new "
        "wave, change survey.wave and remove the run that is now made; if the data were corrected, all is well"
    )
    put(archive, wave="1", data=("b",), **mine)  # once is enough
    assert other_data_note(list_archive(archive).runs, config, ("b",)) is None


def test_the_terminal_says_that_a_name_holds_other_data(
    small_wave: SmallWave, capsys: pytest.CaptureFixture[str]
) -> None:
    small_wave.replace("items:", "archive: {folder: archive}\nitems:")
    said = "with other data"
    arguments = [str(small_wave.config), "--formats", "json"]
    assert main(arguments) == 0
    assert main(arguments) == 0
    small_wave.replace("{name: help, scale: [0, 10]}", "{name: help, scale: [-1, 10]}")
    assert main(arguments) == 0
    assert said not in "".join(capsys.readouterr())
    spoil(small_wave, (101,))
    assert main(arguments) == 0
    assert "wave 1 is archived already, with other data (" in "".join(capsys.readouterr())
    assert main([*arguments, "--new-run"]) == 0
    assert said not in "".join(capsys.readouterr())
    index = (small_wave.folder / "archive" / "index.html").read_text(encoding="utf-8")
    assert index.count("was made from other data") == 1


def spoil(small_wave: SmallWave, interviewers: tuple[int, ...]) -> None:
    """All respondents of some interviewers answer 10 and 0."""
    lines = small_wave.survey_file.read_text(encoding="utf-8").splitlines()
    for row, text in enumerate(lines[1:], start=1):
        number, interviewer, *answers = text.split(",")
        if int(interviewer) in interviewers:
            lines[row] = ",".join([number, interviewer, "10", "0", *answers[2:]])
    small_wave.survey_file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_three_waves_through_one_archive(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    small_wave.replace("items:", "archive: {folder: archive}\nitems:")
    small_wave.replace("name: trust,", "name: trust, key: people,")
    clean = small_wave.survey_file.read_text(encoding="utf-8")
    told = []
    for number, spoilt in ((1, (101,)), (2, (101, 105)), (3, (105,))):
        small_wave.survey_file.write_text(clean, encoding="utf-8")
        spoil(small_wave, spoilt)
        if number == 3:
            small_wave.replace("name: trust, key", "name: confidence, key")
            text = small_wave.survey_file.read_text(encoding="utf-8")
            small_wave.survey_file.write_text(text.replace("intnum,trust", "intnum,confidence"), encoding="utf-8")
            small_wave.replace("{name: help, scale: [0, 10]}", "{name: help, scale: [-1, 10]}")
        assert main([str(small_wave.config), "--quiet", "--formats", "html,json"]) == 0
        told.append(capsys.readouterr().out)
        small_wave.replace(f"wave: {number}", f"wave: {number + 1}")
    assert "Since" not in told[0]
    assert "Since wave 1: 1 new, 1 repeated, 0 resolved." in told[1]
    assert "Since wave 2: 0 new, 1 repeated, 1 resolved." in told[2]

    last = list_archive(small_wave.folder / "archive").runs[-1]
    content = (last.folder / "results.json").read_bytes()
    results = json.loads(content)
    jsonschema.Draft202012Validator(results_schema()).validate(results)
    assert results_json(results) == content
    waves = results["waves"]
    assert waves["names"] == ["1", "2", "3"]
    assert waves["runs"] == [run.run for run in last.manifest.facts.earlier_waves]
    people, helping = waves["items"]
    assert [p["item"] for p in people["points"]] == ["trust", "trust", "confidence"]
    assert people["icc_change"] is not None
    assert helping["note"] == "scale 0 to 10 in wave 2, -1 to 10 now: not compared"
    assert [(who["interviewer"], who["status"], who["flagged_in"]) for who in waves["interviewers"]] == [
        ("105", "repeated", ["2", "3"]), ("101", "resolved", ["1", "2"])
    ]  # fmt: skip
    assert waves["n_stayed"] == 12
    page = (last.folder / "report.html").read_text(encoding="utf-8")
    assert "Since wave 2: 0 new, 1 repeated, 1 resolved." in page
    assert 'id="waves"' in page
    first = list_archive(small_wave.folder / "archive").runs[0]
    assert 'id="waves"' not in (first.folder / "report.html").read_text(encoding="utf-8")


def test_the_printed_report_tells_what_is_new(small_wave: SmallWave, monkeypatch: pytest.MonkeyPatch) -> None:
    small_wave.replace("items:", "archive: {folder: archive}\nitems:")
    assert main([str(small_wave.config), "--quiet", "--formats", "json"]) == 0
    small_wave.replace("wave: 1", "wave: 2")
    small_wave.replace("{name: help, scale: [0, 10]}", "{name: help, scale: [-1, 10]}")
    spoil(small_wave, (103,))
    # The page is laid out in another process: a file is what both can see.
    copy, real = small_wave.folder / "page.html", pdf.print_page

    def remembered(summary: ReportSummary) -> pdf.PrintedPage:
        page = real(summary)
        copy.write_text(page.html, encoding="utf-8")
        return page

    monkeypatch.setattr(pdf, "print_page", remembered)
    assert main([str(small_wave.config), "--quiet", "--formats", "pdf"]) == 0
    page = copy.read_text(encoding="utf-8")
    assert "Since wave 1: 1 new, 0 repeated, 0 resolved." in page
    assert 'id="waves"' in page
    section = page[page.index('id="waves"') :].partition("</section>")[0]
    assert "1 item cannot be compared as things are: " in section
    assert section.count("scale 0 to 10 in wave 1, -1 to 10 now: not compared") == 1
    assert section.count("<tr>") == section.count("<table>") + 2  # one interviewer, one item
