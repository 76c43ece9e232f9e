"""A survey through an engine: the same cleaning record, models, flags and pages' counts as in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from msgspec import Struct, structs

from benchmarks.waves import WavePlan, write_wave
from qa_reports.config import ReportConfig, load_config
from qa_reports.effects.damage import set_suspects_aside
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled, estimate_items, set_flagged_aside
from qa_reports.effects.flag import Flag, Flags, flag_interviewers
from qa_reports.effects.indicator_effects import estimate_indicators, with_more_at_hand
from qa_reports.engine import clean as engine_clean
from qa_reports.engine import tables
from qa_reports.engine.clean import clean_in_engine
from qa_reports.engine.files import about_how_many
from qa_reports.engine.tables import open_table, wants_engine
from qa_reports.errors import ConfigError, DataError
from qa_reports.indicators.collect import measure_indicators
from qa_reports.report.answers import answer_scatter
from qa_reports.report.methods import _fitting
from qa_reports.report.recontact import respondents_to_recontact
from qa_reports.report.results_items import _referee
from qa_reports.starting.check import check_config
from qa_reports.survey.clean import Survey, clean_survey
from qa_reports.survey.load import load_survey

pytest.importorskip("duckdb")
pytest.importorskip("ibis")

CLOSE = 1e-9
"""Relative: sums of the same numbers in another order, carried through fits that converge to 1e-12."""
ITEMS = ("pplhlp", "trstplc", "imsmetn")
ABOUT = 0.02
"""Relative: the first lines of a CSV file are as long as the others, but for the digits of numbers."""
SAMPLE = 600
"""Of the 1,703 interviews of the example wave."""
EXAMPLE = Path(__file__).parents[2] / "configs"
NOT_COMPARED = {"rows", "interviewer_rows", "fitted", "residuals", "referee", "surprise", "whole"}
"""What interviews at hand show one by one (a sample has others), and what statsmodels says on them."""


def example_config(folder: Path, **data: Any) -> Path:
    """Some items of the example wave, in `folder`."""
    config = yaml.safe_load((EXAMPLE / "example.yaml").read_text())
    config["items"] = [item for item in config["items"] if item["name"] in ITEMS]
    config["batteries"] = []
    config["data"] |= {"file": str(EXAMPLE / "example_wave.csv")} | data
    config["data"] = {key: value for key, value in config["data"].items() if value is not None}
    config["interviewers"]["file"] = str(EXAMPLE / "example_interviewers.csv")
    path = folder / "wave.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def in_engine(path: Path, sample: int = 10_000) -> tuple[Survey, ReportConfig]:
    config = load_config(path)
    return clean_in_engine(open_table(config, path.parent), config, path.parent, sample), config


def in_memory(path: Path) -> tuple[Survey, ReportConfig]:
    config = load_config(path)
    return clean_survey(load_survey(config, path.parent), config), config


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Where two results differ: numbers by more than `CLOSE`, anything else at all."""
    if isinstance(one, Struct) and type(one) is type(other):
        for field in structs.fields(one):
            if field.name not in NOT_COMPARED:
                yield from differences(getattr(one, field.name), getattr(other, field.name), f"{place}.{field.name}")
    elif isinstance(one, (float, np.ndarray)):
        if np.shape(one) != np.shape(other) or not np.allclose(one, other, rtol=CLOSE, atol=CLOSE, equal_nan=True):
            yield f"{place}: {one} {other}"
    elif isinstance(one, (tuple, list)):
        if len(one) != len(other):
            yield f"{place}: {len(one)} and {len(other)}"
        for position, (left, right) in enumerate(zip(one, other, strict=False)):
            yield from differences(left, right, f"{place}[{position}]")
    elif one != other:
        yield f"{place}: {one!r} {other!r}"


def without_rows(items: Sequence[ItemEffects | ItemNotModelled]) -> list[ItemEffects | ItemNotModelled]:
    """The same without each model's list of whose interviews are at hand."""
    stripped = []
    for item in items:
        if isinstance(item, ItemEffects):
            models = {}
            for name in ("null", "adjusted", "slope", "covariates"):
                model = getattr(item, name)
                if hasattr(model, "rows"):
                    models[name] = structs.replace(model, interviewer=np.zeros(0, dtype=np.int64))
            item = structs.replace(item, **models)
        stripped.append(item)
    return stripped


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def both(folder: Path) -> tuple[Survey, Survey, ReportConfig]:
    path = example_config(folder)
    memory, config = in_memory(path)
    return memory, in_engine(path)[0], config


@pytest.fixture(scope="module")
def of_memory(both: tuple[Survey, Survey, ReportConfig]) -> tuple[ItemEffects | ItemNotModelled, ...]:
    return estimate_items(both[0], both[2])


def flags_of(survey: Survey, items: tuple[ItemEffects | ItemNotModelled, ...], config: ReportConfig) -> Flags:
    return flag_interviewers(structs.replace(survey, suspects=()), items, [], config)


def test_cleaning_leaves_the_same_record(both: tuple[Survey, Survey, ReportConfig]) -> None:
    memory, engine, _ = both

    assert list(differences(memory.log, engine.log)) == []
    assert memory.suspects == engine.suspects
    assert any(suspect.item == "trstplc" and suspect.value == 88 for suspect in engine.suspects)
    assert memory.teams == engine.teams
    assert list(differences(memory.interviewer_covariates, engine.interviewer_covariates)) == []
    for item in memory.items:
        assert list(differences(memory.answer_counts(item.name), engine.answer_counts(item.name))) == []


@pytest.mark.slow
def test_every_model_of_every_item_is_the_same(
    both: tuple[Survey, Survey, ReportConfig], of_memory: tuple[ItemEffects | ItemNotModelled, ...]
) -> None:
    memory, engine, config = both
    of_engine = estimate_items(engine, config)

    assert {item.kind for item in of_engine if isinstance(item, ItemEffects)} == {"linear", "ordinal"}
    assert list(differences(of_memory, of_engine)) == []
    pairs = ((memory, of_memory), (engine, of_engine))
    ours, theirs = (flags_of(survey, of, config) for survey, of in pairs)
    assert list(differences(ours, theirs)) == []
    assert any(flag.interviewer == "4976" for flag in theirs.flags)
    aside = [set_flagged_aside(survey, of, ["4976"]) for survey, of in pairs]
    assert list(differences(*([item.without_flagged for item in of] for of in aside))) == []


@pytest.mark.slow
def test_a_sample_at_hand_changes_no_model(
    folder: Path,
    both: tuple[Survey, Survey, ReportConfig],
    of_memory: tuple[ItemEffects | ItemNotModelled, ...],
) -> None:
    memory, _, config = both
    sampled, _ = in_engine(example_config(folder), SAMPLE)
    assert 0.8 * SAMPLE < sampled.n_rows < 1.2 * SAMPLE
    assert sampled.n_interviews == memory.n_interviews
    of_sample = estimate_items(sampled, config)

    assert list(differences(without_rows(of_memory), without_rows(of_sample))) == []
    fits = [item.null for item in of_sample if isinstance(item, ItemEffects)]
    assert all(fit.referee.agrees and 0 < fit.referee.n_interviews <= sampled.n_rows for fit in fits)
    most = max(fit.referee.n_interviews for fit in fits)
    assert f"both log-likelihoods being those of up to {most} evenly spread interviews" in _fitting(fits, 0)
    assert {_referee(fit.referee)["n_interviews"] for fit in fits} == {fit.referee.n_interviews for fit in fits}
    flags = flags_of(sampled, of_sample, config)
    assert any(flag.interviewer == "4976" for flag in flags.flags)
    assert any("rest on" in note for note in sampled.log.notes)


def test_flagged_interviewers_are_shown_with_all_their_interviews(
    folder: Path, both: tuple[Survey, Survey, ReportConfig]
) -> None:
    memory, _, config = both
    sampled, _ = in_engine(example_config(folder), SAMPLE)
    shown = sampled.with_all_of(["4976"])
    own = memory.interviewer_ids.index("4976")

    assert shown.respondents[: sampled.n_rows] == sampled.respondents
    assert (sampled.interviewer == own).sum() < (shown.interviewer == own).sum() == memory.workload[own]
    assert shown.n_rows - sampled.n_rows == memory.workload[own] - (sampled.interviewer == own).sum()
    scatters = []
    for survey in (memory, shown):
        items = {item.name: item for item in survey.items}
        scatter = answer_scatter(items["pplhlp"], items["trstplc"], survey, "4976")
        order = np.lexsort((scatter.own_y, scatter.own_x))
        scatters.append(structs.replace(scatter, own_x=scatter.own_x[order], own_y=scatter.own_y[order]))
    assert list(differences(*scatters)) == []
    flag = Flag(
        "4976", "critical", "level", ("pplhlp", "imsmetn"), 1.0, "points", 5.0, 1e-6, 1e-4, "It differs.", "shifted_up"
    )
    asked = [respondents_to_recontact("4976", [flag], survey) for survey in (memory, shown)]
    assert set(asked[0].respondents) == set(asked[1].respondents)
    judged = estimate_indicators(sampled, measure_indicators(sampled, config))
    values = with_more_at_hand(judged, shown, config).effects[0].measure.values
    assert len(values) == shown.n_rows
    np.testing.assert_array_equal(values[: sampled.n_rows], judged.effects[0].measure.values)


@pytest.mark.slow
def test_answers_can_be_set_aside_after_all(
    both: tuple[Survey, Survey, ReportConfig], of_memory: tuple[ItemEffects | ItemNotModelled, ...]
) -> None:
    memory, engine, config = both
    kept_in = structs.replace(memory.suspects[0], item="trstplc", value=10.0, set_aside=False)
    surveys = [set_suspects_aside(structs.replace(survey, suspects=(kept_in,))) for survey in (memory, engine)]

    clean, again = (estimate_items(survey, config, judgement_only=True) for survey in surveys)
    assert list(differences(clean, again)) == []
    assert of_memory[1].n_interviews > clean[1].n_interviews


@pytest.mark.parametrize("kind", ["csv", "parquet", "table"])
def test_rows_are_chosen_alike(folder: Path, kind: str) -> None:
    table = pd.read_csv(EXAMPLE / "example_wave.csv")
    table.loc[::50, "intnum"] = np.nan
    table.loc[::70, "age"] = np.nan
    wave, where = folder / f"wave.{kind}", {"where": "age >= 30 and region != 'Brussels' or gender in [1]"}
    if kind == "csv":
        table.to_csv(wave, index=False)
        path = example_config(folder, file=str(wave), **where)
    elif kind == "parquet":
        table.to_parquet(wave)
        path = example_config(folder, file=str(wave), **where)
    else:
        import duckdb

        database = folder / "survey.duckdb"
        with duckdb.connect(str(database)) as connection:
            connection.register("given", table)
            connection.execute("CREATE TABLE wave AS SELECT * FROM given")
        table.to_parquet(folder / "same.parquet")
        path = example_config(folder, file=str(folder / "same.parquet"), **where)
        memory, _ = in_memory(path)
        path = example_config(folder, file=None, table="wave", connection="duckdb:survey.duckdb", **where)
    if kind != "table":
        memory, _ = in_memory(path)
    engine, _ = in_engine(path)

    assert len(memory.log.dropped) == 2
    # What was joined is counted over the rows in use here, and over all rows in memory.
    logs = (structs.replace(survey.log, joins=(), notes=()) for survey in (memory, engine))
    assert list(differences(*logs)) == []
    assert list(memory.respondents) == list(engine.respondents)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"interviewer": "intnumm"}, 'has no column "intnumm" .data.interviewer.; did you mean "intnum"'),
        ({"file": "no.parquet"}, "no.parquet: there is no such file"),
        ({"where": "agee > 3"}, 'no column "agee"'),
        ({"file": None, "table": "w", "connection": "duckdb:no.duckdb"}, "no.duckdb: there is no such database"),
        ({"where": "age > 500"}, "no interview is left; every row was dropped: 1703 not selected by where"),
    ],
)
def test_what_the_user_can_put_right_is_said(tmp_path: Path, data: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        in_engine(example_config(tmp_path, **data))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"file": None}, "data.file: is missing"),
        ({"file": None, "table": "w"}, "data.table: is in a database; add connection"),
        ({"table": "w", "connection": "duckdb:x"}, "data.table: stands beside file"),
        ({"file": None, "table": "w", "connection": "postgres://me:secret@host/db"}, "passwords never stand"),
        ({"file": None, "table": "w", "connection": "postgres://h/db?password=x"}, "has more than postgres://HOST"),
        ({"file": None, "table": "w", "connection": "postgres://h/db?sslmode=require"}, "such as PGSSLMODE"),
        ({"file": None, "table": "w", "connection": "odbc:w"}, "write duckdb:FILE, postgres://HOST/DATABASE"),
        ({"password_env": "X"}, "data.password_env: is for a PostgreSQL server"),
    ],
)
def test_a_configuration_names_one_source(tmp_path: Path, data: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        load_config(example_config(tmp_path, **data))
    assert "secret" not in str(raised.value)


def test_small_files_are_read_into_memory(tmp_path: Path) -> None:
    assert not wants_engine(load_config(example_config(tmp_path)), tmp_path)
    assert wants_engine(load_config(example_config(tmp_path, engine="duckdb")), tmp_path)
    joined = load_config(example_config(tmp_path, engine="duckdb", join=[{"file": "x.csv", "on": "idno"}]))
    with pytest.raises(ConfigError, match="join: is for files"):
        wants_engine(joined, tmp_path)
    labelled = load_config(example_config(tmp_path, engine="duckdb", read={"labels_row": 2}))
    with pytest.raises(ConfigError, match="read: names_row, labels_row and first_row are for files"):
        wants_engine(labelled, tmp_path)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files_with_very_many_interviews_are_left_to_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    config = load_config(write_wave(tmp_path, WavePlan(3_000, 20, 5), form=form))
    file = tmp_path / f"wave.{form}"
    assert about_how_many(file) == pytest.approx(3_000, rel=ABOUT)
    monkeypatch.setattr(tables, "_SMALL", 0)
    assert not wants_engine(config, tmp_path)
    monkeypatch.setattr(tables, "_MOST_IN_MEMORY", 2_500)
    assert wants_engine(config, tmp_path)
    file.write_bytes(b"PAR1" if form == "parquet" else b"")
    assert about_how_many(file) == 0
    assert about_how_many(tmp_path / f"none.{form}") == 0
    assert not wants_engine(config, tmp_path)  # whoever reads the file says what is wrong with it


def test_check_says_the_same(tmp_path: Path) -> None:
    memory = check_config(example_config(tmp_path))
    engine = check_config(example_config(tmp_path, engine="duckdb"))
    assert memory.items == engine.items
    assert memory.codes == engine.codes
    assert memory.too_few == engine.too_few


def test_what_is_not_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa_reports.engine.tables._installed", lambda package: package == "ibis")
    with pytest.raises(ConfigError, match=r"needs duckdb, which is not installed: pip install 'qa-reports\[scale\]'"):
        in_engine(example_config(tmp_path, engine="duckdb"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_damaged_file_is_one_line(tmp_path: Path, kind: str) -> None:
    table, wave = pd.read_csv(EXAMPLE / "example_wave.csv"), tmp_path / f"wave.{kind}"
    if kind == "csv":
        text = table.to_csv(index=False).splitlines()
        wave.write_text("\n".join([*text[:500], text[500] + ",1,2,3", *text[501:]]))
    else:
        table.to_parquet(wave)
        wave.write_bytes(wave.read_bytes()[:-2_000])
    with pytest.raises(DataError, match=rf"wave.{kind}: cannot be read \(") as raised:
        in_engine(example_config(tmp_path, file=str(wave)))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_changed_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = tmp_path / "wave.csv"
    wave.write_bytes((EXAMPLE / "example_wave.csv").read_bytes())
    counted = engine_clean.audit_items

    def meanwhile(*given: object) -> object:
        with wave.open("a", encoding="utf-8") as file:
            file.write("\n")
        return counted(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(engine_clean, "audit_items", meanwhile)
    with pytest.raises(DataError, match=r"^wave.csv: has been changed while it was read; run it again"):
        in_engine(example_config(tmp_path, file=str(wave)))


def test_a_database_from_the_field_opens_no_other_file(tmp_path: Path) -> None:
    """Its table may be a view of any file of this machine, or of an address: the program opens what is configured."""
    import duckdb

    (tmp_path / "secret.csv").write_text("intnum,q\n1,2\n", encoding="utf-8")
    with duckdb.connect(tmp_path / "field.duckdb") as field:
        field.execute(f"CREATE VIEW w AS SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')")
    with pytest.raises(DataError, match=r"^w: cannot be read \(.*secret.csv"):
        in_engine(example_config(tmp_path, file=None, table="w", connection="duckdb:field.duckdb"))
