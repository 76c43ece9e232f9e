"""Sums made of batches of columns beside those that the engine makes by queries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from msgspec.structs import replace

from qa_reports.config import load_config
from qa_reports.engine import batch_measures, batches
from qa_reports.engine.batch_sums import Design
from qa_reports.engine.batches import Batch, of_size
from qa_reports.engine.people import WHO, find_people
from qa_reports.engine.tables import open_table
from qa_reports.engine.whole import EngineWhole
from qa_reports.survey.whole import Factor, Rows
from tests.engine.test_engine import in_engine

pytest.importorskip("duckdb")
pytest.importorskip("ibis")

CLOSE = 1e-12
"""Relative to the largest: the same numbers added in another order."""
N, J = 9_000, 30
AGE, SEX, INCOME = (Factor("respondent", name) for name in ("age", "sex", "income"))
FEMALE = Factor("respondent", "sex", 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> EngineWhole:
    """Whole numbers with empty cells and far codes, texts, halves, and a covariate of very many values."""
    folder = tmp_path_factory.mktemp("batches")
    rng = np.random.default_rng(17)
    answers = rng.integers(0, 11, N)
    table = pd.DataFrame(
        {
            "int": rng.integers(0, J, N) + 5,
            "near": pd.array(np.where(rng.random(N) < 0.03, 88, answers), dtype="Int8"),
            "far": pd.array(np.where(rng.random(N) < 0.03, 999_999_999, answers), dtype="Int64"),
            "text": pd.Series(answers).map("a{}".format).where(rng.random(N) > 0.03, "88"),
            "half": answers / 2,
            "age": pd.array(rng.integers(18, 91, N), dtype="Int16"),
            "sex": rng.integers(1, 3, N).astype(np.int8),
            "income": np.exp(rng.standard_normal(N)),
        }
    )
    table["text"] = table["text"].str.replace("a", "")
    for name in ("near", "far", "text", "half", "age", "income"):
        table.loc[rng.random(N) < 0.02, name] = None
    table.to_parquet(folder / "wave.parquet")
    config = {
        "survey": {"name": "Made"},
        "data": {"file": "wave.parquet", "interviewer": "int", "engine": "duckdb"},
        "missing_codes": {88: "Don't know", 999_999_999: "Refusal"},
        "respondent_covariates": ["age", {"name": "sex", "type": "categorical"}, "income"],
        "items": [{"name": name, "scale": [0, 10]} for name in ("near", "far", "text", "half")],
    }
    path = folder / "wave.yaml"
    path.write_text(yaml.safe_dump(config))
    found = in_engine(path)[0].whole
    assert isinstance(found, EngineWhole)
    return found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many batches that several are at work at a time."""
    monkeypatch.setattr(batches, "_ROWS", 2_048)


def close(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, rtol=0, atol=CLOSE * np.abs(other).max())


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("item", ["near", "far", "text", "half"])
def test_sums_are_those_of_queries(whole: EngineWhole, item: str) -> None:
    columns = ((), (AGE,), (FEMALE,), (INCOME,), (AGE, FEMALE))
    rows = Rows(item, frozenset((AGE, SEX, INCOME)), left_out=(3,))
    by_batches, by_query = (one.cross_sums(rows, columns) for one in (whole, replace(whole, read={}, known={})))

    np.testing.assert_array_equal(by_batches.n, by_query.n)
    np.testing.assert_array_equal(by_batches.origin, by_query.origin)
    close(by_batches.cross, by_query.cross)
    assert by_batches.n[3] == 0 < by_batches.n[4] < whole.workload[4]


@pytest.mark.usefixtures("small")
def test_an_item_beside_others_has_the_sums_of_queries(whole: EngineWhole) -> None:
    other = Factor("item", "text")
    rows, columns = Rows("near", frozenset((other,))), ((), (other,))
    by_batches, by_query = (one.cross_sums(rows, columns) for one in (whole, replace(whole, read={}, known={})))

    np.testing.assert_array_equal(by_batches.cross, by_query.cross)


@pytest.mark.usefixtures("small")
def test_residual_powers_are_those_of_queries(whole: EngineWhole) -> None:
    columns, fixed = ((), (AGE,), (FEMALE,), (INCOME,)), np.array([4.0, 0.02, -0.3, 0.1])
    questions = [
        (Rows(item, frozenset((AGE, SEX, INCOME)), left_out=(2,)), columns, fixed) for item in ("near", "half")
    ]
    questions.append((Rows("text", frozenset()), ((),), np.array([5.0])))
    by_batches, by_query = (one.residual_powers(questions) for one in (whole, replace(whole, read={}, known={})))

    assert by_batches.shape == (3, J, 4)
    assert not by_batches[0, 2].any()
    for power in range(4):
        close(by_batches[..., power], by_query[..., power])
    np.testing.assert_array_equal(by_batches, whole.residual_powers(questions))  # whatever thread is first


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("long", [0, 10**6])
def test_few_and_many_interviews_of_each_are_added_alike(
    whole: EngineWhole, monkeypatch: pytest.MonkeyPatch, long: int
) -> None:
    monkeypatch.setattr(batches, "_LONG", long)
    columns, rows = ((), (AGE,), (FEMALE,)), Rows("near", frozenset((AGE, SEX)))
    fresh = replace(whole, known={})
    by_batches, by_query = fresh.cross_sums(rows, columns), replace(whole, read={}, known={}).cross_sums(rows, columns)

    np.testing.assert_array_equal(by_batches.cross, by_query.cross)
    np.testing.assert_array_equal(by_batches.n, by_query.n)


@pytest.mark.parametrize("share", [0.03, 0.5, 0.8, 1.0])
def test_an_outcome_is_crossed_where_it_is_known(share: float) -> None:
    """Sums over what is known, or over everything less what is missing: the same, however much that is."""
    rng = np.random.default_rng(20)
    m, g = 2_000, 20
    who = np.sort(rng.integers(0, g, m))
    batch = Batch(who, np.searchsorted(who, np.arange(g)), np.arange(g), {})
    age = np.where(rng.random(m) < 0.1, np.nan, rng.integers(18, 90, m).astype(float))
    outcome = np.where(rng.random(m) < share, np.nan, rng.integers(0, 11, m).astype(float))
    design = Design(frozenset((AGE,)), ((AGE,),), np.array([0.0, 50.0]))
    found = design.sums(design.crossing(batch, {AGE: age}).sums(outcome - 5), 5.0)

    for j in range(g):
        valid = (who == j) & np.isfinite(age) & np.isfinite(outcome)
        table = np.column_stack([np.ones(valid.sum()), age[valid] - 50, outcome[valid] - 5])
        np.testing.assert_array_equal(found.cross[j], table.T @ table)
        assert found.n[j] == valid.sum()


@pytest.mark.parametrize("whole_numbers", [True, False])
def test_values_of_a_batch_are_counted(whole_numbers: bool) -> None:
    rng = np.random.default_rng(21)
    who = np.sort(rng.integers(0, 9, 900))
    batch = Batch(who, np.searchsorted(who, np.arange(9)), np.arange(9), {})
    values = np.where(rng.random(900) < 0.2, np.nan, rng.integers(-3, 8, 900).astype(float))
    different, whose, which, count = batch_measures._counted(batch, values, whole_numbers)

    assert (count > 0).all()
    assert len({*zip(whose.tolist(), which.tolist(), strict=True)}) == len(count)
    for j, value, n in zip(whose, different[which], count, strict=True):
        assert n == ((who == j) & (values == value)).sum()
    assert count.sum() == np.isfinite(values).sum()
    empty = batch_measures._counted(batch, np.full(900, np.nan), whole_numbers)
    assert [len(part) for part in empty] == [0, 0, 0, 0]


@pytest.mark.usefixtures("small")
def test_answers_set_aside_are_missing_in_batches(whole: EngineWhole) -> None:
    rows, columns = Rows("far", frozenset((AGE,))), ((), (AGE,))
    less = whole.without({"far": [0.0, 10.0]})
    by_batches, by_query = (one.cross_sums(rows, columns) for one in (less, replace(less, read={}, known={})))

    np.testing.assert_array_equal(by_batches.cross, by_query.cross)
    assert by_batches.n.sum() < whole.cross_sums(rows, columns).n.sum()


def test_batches_end_where_they_should_however_rows_are_stored() -> None:
    pa = pytest.importorskip("pyarrow")
    rows = pa.table({"a": np.arange(1_000), "b": [str(k) for k in range(1_000)]})
    for sizes in ([1_000], [1, 299, 0, 300, 400], [50] * 20, [330, 340, 330]):
        cut = np.cumsum([0, *sizes])
        given = [batch for at, size in zip(cut, sizes, strict=False) for batch in rows.slice(at, size).to_batches()]
        found = list(of_size(given, 300))

        assert [batch.num_rows for batch in found] == [300, 300, 300, 100]
        assert pa.Table.from_batches(found).equals(rows)
    assert list(of_size([], 300)) == []
    assert [batch.num_rows for batch in of_size(rows.to_batches(), 500)] == [500, 500]


def test_cells_of_batches_are_added_up_whenever_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(18)
    monkeypatch.setattr(batch_measures, "_MOST_CELLS", 500)
    cells, expected = batch_measures._Cells(), np.zeros((40, 60))
    for _ in range(20):
        values = rng.permutation(60)[:50] / 7
        who, place = rng.integers(0, 40, 300), rng.integers(0, 50, 300)
        count = rng.integers(1, 9, 300)
        cells.add(values, who, place, count)
        np.add.at(expected, (who, np.rint(values[place] * 7).astype(int)), count)
    found = cells.all()

    rebuilt = np.zeros_like(expected)
    rebuilt[found.interviewer, np.rint(found.value * 7).astype(int)] = found.count
    np.testing.assert_array_equal(rebuilt, expected)
    assert len(found.count) == (expected > 0).sum()
    assert (np.diff(found.interviewer * 1_000 + found.value) > 0).all()


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("ids", ["near", "far", "texts"])
def test_rows_are_stored_in_the_same_order_every_time(tmp_path: Path, kind: str, ids: str) -> None:
    """So many that two threads would take turns at storing them: sums of what is not whole depend on the order."""
    rng = np.random.default_rng(19)
    n = 700_000
    int_ = rng.integers(0, 50, n)
    table = pd.DataFrame({"int": int_ * (10**7 if ids == "far" else 1) + 100, "q": rng.integers(0, 11, n)})
    if ids == "texts":
        table["int"] = table["int"].map("i{:010d}".format)
    if kind == "csv":
        table.to_csv(tmp_path / "wave.csv", index=False)
    else:
        table.to_parquet(tmp_path / "wave.parquet", row_group_size=50_000)
    config = {
        "survey": {"name": "Made"},
        "data": {"file": f"wave.{kind}", "interviewer": "int", "engine": "duckdb"},
        "items": [{"name": "q", "scale": [0, 10]}],
    }
    path = tmp_path / "wave.yaml"
    path.write_text(yaml.safe_dump(config))
    config_read = load_config(path)
    for _ in range(2):
        source = open_table(config_read, tmp_path)
        rows = find_people(source, config_read, tmp_path).rows
        read = [batch.to_pandas() for batch in source.batches(rows.select(WHO, "q"), 32_768)]
        found = pd.concat(read)
        np.testing.assert_array_equal(found["q"], table["q"])
        assert len(found.groupby(WHO).size()) == 50
        np.testing.assert_array_equal(found[WHO], pd.factorize(table["int"], sort=True)[0])
