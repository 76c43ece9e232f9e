"""Near-duplicates: shares of identical answers counted by brute force, and who is found."""

from __future__ import annotations

import numpy as np
import pytest

from qa_reports.indicators import duplicates, own_pairs, similarity
from qa_reports.indicators.duplicates import find_duplicates
from qa_reports.indicators.identical import find_identical
from qa_reports.indicators.own_pairs import compare_within
from qa_reports.indicators.similarity import count_bits, count_bits_by_halves, pack_answers

SINGLE = 1e-6
"""Shares are kept in single precision."""


def homogeneous(
    rng: np.random.Generator, interviewers: int, each: int, items: int, missing: float = 0.03
) -> tuple[np.ndarray, np.ndarray]:
    n = interviewers * each
    answers = np.clip(np.rint(5 + 2 * (0.6 * rng.normal(size=(n, 1)) + rng.normal(size=(n, items)))), 0, 10)
    answers[rng.random((n, items)) < missing] = np.nan
    return answers, np.repeat(np.arange(interviewers), each)


def brute_force(answers: np.ndarray, fewest: int) -> np.ndarray:
    n = len(answers)
    share = np.full((n, n), -1.0)
    for a in range(n):
        for b in range(n):
            both = np.isfinite(answers[a]) & np.isfinite(answers[b])
            if a != b and both.sum() >= fewest:
                share[a, b] = (answers[a] == answers[b])[both].mean()
    return share


@pytest.mark.parametrize(("items", "missing"), [(12, 0.1), (70, 0.05), (64, 0.0)])
def test_shares_equal_those_counted_one_by_one(items: int, missing: float) -> None:
    answers, interviewer = homogeneous(np.random.default_rng(5), 13, 7, items, missing)
    expected = brute_force(answers, 10).max(axis=1)

    found = find_duplicates(answers, interviewer[::-1].copy(), 13, 10)

    np.testing.assert_allclose(found.measure.values, np.where(expected >= 0, expected, np.nan), atol=SINGLE)
    row = np.flatnonzero(found.partner >= 0)
    np.testing.assert_allclose(
        brute_force(answers, 10)[row, found.partner[row]], found.measure.values[row], atol=SINGLE
    )


@pytest.mark.parametrize("word", [np.uint32, np.uint64])
def test_bits_are_counted_alike_by_either_way(word: type[np.unsignedinteger]) -> None:
    words = np.random.default_rng(6).integers(0, np.iinfo(word).max, 1000, dtype=word)

    np.testing.assert_array_equal(count_bits_by_halves(words), [int(word).bit_count() for word in words])
    np.testing.assert_array_equal(count_bits(words), count_bits_by_halves(words))
    assert count_bits(words).dtype == count_bits_by_halves(words).dtype  # adds up in place


def test_a_missing_answer_is_like_no_other() -> None:
    packed = pack_answers(np.array([[np.nan, 1.0], [np.nan, 1.0]]))

    np.testing.assert_array_equal(packed.shares(slice(0, 2), slice(0, 2), 1), np.ones((2, 2)))
    np.testing.assert_array_equal(packed.shares(slice(0, 2), slice(0, 2), 2), -np.ones((2, 2)))


@pytest.mark.parametrize("seldom", [1, 10**6])
@pytest.mark.parametrize(("items", "missing"), [(12, 0.1), (12, 0.6), (70, 0.05), (22, 0.0), (255, 0.3), (300, 0.02)])
def test_pairs_that_are_closer_are_those_whose_share_is_above(
    items: int, missing: float, seldom: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether those that may be closer are looked at one by one, or all pairs are."""
    monkeypatch.setattr(similarity, "_SELDOM", seldom)
    answers, _ = homogeneous(np.random.default_rng(15), 9, 8, items, missing)
    answers[40] = answers[3]
    packed, rows, columns = pack_answers(answers), slice(0, 20), slice(20, 72)
    share = packed.shares(rows, columns, 10)
    # Shares that occur, which must not count as above themselves, and one that is below all.
    bar = np.sort(share, axis=1)[:, -5].copy()
    bar[0] = -1
    either = np.minimum(bar[:, None], np.sort(share, axis=0)[-2])

    row, column, closer = packed.closer(rows, columns, 10, bar)
    np.testing.assert_array_equal(np.stack([row, column]), np.nonzero(share > bar[:, None]))
    np.testing.assert_array_equal(closer, share[row, column])

    row, column, closer = packed.closer(rows, columns, 10, bar, packed, np.sort(share, axis=0)[-2])
    np.testing.assert_array_equal(np.stack([row, column]), np.nonzero(share > either))
    np.testing.assert_array_equal(closer, share[row, column])


def test_strongest_pairs_and_counts_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, interviewer = homogeneous(np.random.default_rng(16), 4, 90, 12)
    packed = pack_answers(answers)
    whole = compare_within(packed, interviewer, 4, 10, 20, 1000)
    monkeypatch.setattr(own_pairs, "_BLOCK", 16)

    found = compare_within(packed, interviewer, 4, 10, 20, 1000)

    np.testing.assert_array_equal(found.counts, whole.counts)
    np.testing.assert_array_equal(found.nearest.partner, whole.nearest.partner)
    np.testing.assert_array_equal(found.nearest.share, whole.nearest.share)
    for one, other in zip(found.strongest, whole.strongest, strict=True):
        for name in ("share", "first", "second"):
            np.testing.assert_array_equal(getattr(one, name)[:110], getattr(other, name)[:110])
    expected = brute_force(answers[:90], 10)[np.triu_indices(90, 1)]
    np.testing.assert_allclose(whole.strongest[0].share[:110], np.sort(expected)[::-1][:110], atol=SINGLE)


def test_of_an_interviewer_with_very_many_interviews_some_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_pairs, "MOST_OWN", 30)
    answers, interviewer = homogeneous(np.random.default_rng(17), 3, 90, 12, missing=0.0)

    found = compare_within(pack_answers(answers), interviewer, 3, 10, 20, 1000)

    assert found.counts.sum(axis=1).tolist() == [30 * 29 // 2] * 3


def test_an_interviewer_with_copied_interviews_is_found_and_nobody_else() -> None:
    rng = np.random.default_rng(7)
    answers, interviewer = homogeneous(rng, 60, 12, 22)
    answers[3:8] = answers[3]
    answers[np.arange(3, 8), rng.integers(0, 22, 5)] = 10.0

    found = find_duplicates(answers, interviewer, 60, 10)

    assert found.p[0] < 1e-6
    assert found.alike[0] == 5
    assert (found.p[1:] > 0.5 / 60).all()
    assert all(pair.same_interviewer for pair in found.pairs[:10])
    assert {row for pair in found.pairs[:10] for row in (pair.first, pair.second)} == {3, 4, 5, 6, 7}


def test_a_group_of_copies_counts_once_less_than_its_size() -> None:
    """Otherwise 4 alike interviews would count as 6 independent coincidences."""
    answers, interviewer = homogeneous(np.random.default_rng(8), 40, 10, 22)
    pair, group = answers.copy(), answers.copy()
    pair[1] = pair[0]
    group[1:4] = group[0]

    one = find_duplicates(pair, interviewer, 40, 10).p[0]
    three = find_duplicates(group, interviewer, 40, 10).p[0]

    assert one**4 < three < one


def test_identical_interviews_of_different_interviewers_are_listed() -> None:
    answers, interviewer = homogeneous(np.random.default_rng(9), 20, 10, 22, missing=0.0)
    answers[150] = answers[20]

    found = find_duplicates(answers, interviewer, 20, 10)

    exact = [pair for pair in found.pairs if not pair.same_interviewer]
    assert [(pair.first, pair.second, pair.share) for pair in exact] == [(20, 150, 1.0)]


def test_where_all_pairs_may_be_identical_no_pair_is_called_improbable() -> None:
    rng = np.random.default_rng(3)
    answers = np.where(rng.random((120, 12)) < 0.02, 1.0, 0.0)

    found = find_duplicates(answers, np.repeat(np.arange(12), 10), 12, 10)

    assert found.limit == np.inf
    assert "inf" not in found.measure.threshold
    assert "all answers the same" in found.measure.threshold


def test_too_few_items_are_not_compared() -> None:
    found = find_duplicates(np.ones((5, 3)), np.zeros(5, dtype=np.int64), 1, 10)

    assert found.measure.reason == "it takes 10 items or more to compare interviews; there are 3"
    assert np.isnan(found.p).all()


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only 100 comparisons for each of 720 interviews."""
    monkeypatch.setattr(duplicates, "_MOST_PAIRS", 72_000)


@pytest.mark.usefixtures("sampled")
def test_of_many_interviews_a_sample_is_compared_and_copies_are_still_found() -> None:
    rng = np.random.default_rng(7)
    answers, interviewer = homogeneous(rng, 60, 12, 22)
    answers[3:8] = answers[3]
    answers[np.arange(3, 8), rng.integers(0, 22, 5)] = 10.0
    answers[100] = answers[600]
    expected = brute_force(answers, 10)

    found = find_duplicates(answers, interviewer, 60, 10)

    assert found.p[0] < 1e-6
    assert found.alike[0] == 5
    assert (found.p[1:] > 0.1 / 60).all()
    assert [(pair.first, pair.second) for pair in found.pairs if not pair.same_interviewer] == [(100, 600)]
    assert (found.measure.values <= expected.max(axis=1) + SINGLE).all()
    np.testing.assert_allclose(expected[np.arange(720), found.partner], found.measure.values, atol=SINGLE)


def test_a_sample_does_not_make_ordinary_pairs_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sample missed is made up for where p is smallest, so that it hardly differs from all comparisons."""
    for seed in range(5):
        answers, interviewer = homogeneous(np.random.default_rng(100 + seed), 60, 12, 22)
        exact = find_duplicates(answers, interviewer, 60, 10)
        with monkeypatch.context() as patched:
            patched.setattr(duplicates, "_MOST_PAIRS", 72_000)
            found = find_duplicates(answers, interviewer, 60, 10)
        assert found.p.min() > 0.5 * exact.p.min()


@pytest.mark.usefixtures("sampled")
def test_only_what_may_be_evidence_is_held_against_all_interviews(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_into: list[int] = []

    def remembering(packed: object, owner: object, fewest: int, best: object, places: list[int]) -> None:
        looked_into.extend(places)

    monkeypatch.setattr(duplicates, "_compare_with_all", remembering)
    answers, interviewer = homogeneous(np.random.default_rng(13), 20, 36, 22)
    answers[3:8] = answers[3]

    found = find_duplicates(answers, interviewer, 20, 10)

    several = set(interviewer[looked_into].tolist())
    assert {0, *np.flatnonzero(found.p < 0.5).tolist()} <= several
    assert len(several) < np.isfinite(found.closest).sum()


def test_identical_interviews_are_found_by_sorting() -> None:
    """Those of one interviewer, and with too few answers, are none."""
    answers, interviewer = homogeneous(np.random.default_rng(10), 20, 10, 22)
    answers[[150, 151, 21]] = answers[20]
    answers[[30, 40], 5:] = np.nan
    answers[40] = answers[30]

    assert find_identical(answers, interviewer, 10) == [(20, 150), (20, 151)]
    assert find_identical(answers[:0], interviewer[:0], 10) == []


def test_interviews_that_are_all_a_little_too_similar_are_a_matter_of_spread() -> None:
    """Each pair is improbably alike beside other interviewers' pairs, and none beside the interviewer's own."""
    answers, interviewer = homogeneous(np.random.default_rng(11), 60, 16, 22, missing=0.0)
    rng, own = np.random.default_rng(12), interviewer == 0
    answers[own] = np.clip(np.rint(5 + 0.7 * rng.normal(size=answers[own].shape)), 0, 10)
    copied = answers.copy()
    copied[1] = copied[0]

    alike = find_duplicates(answers, interviewer, 60, 10)

    assert alike.closest[0] > np.nanquantile(alike.closest[1:], 0.9)
    assert alike.p[0] > 0.01
    assert find_duplicates(copied, interviewer, 60, 10).p[0] < 1e-4


def test_two_interviews_of_one_respondent_are_no_evidence() -> None:
    answers, interviewer = homogeneous(np.random.default_rng(23), 12, 10, 22)
    respondent = np.arange(len(answers))
    answers[15:20], respondent[15:20] = answers[10:15], respondent[10:15]

    as_copies = find_duplicates(answers, interviewer, 12, 10)
    of_the_file = find_duplicates(answers, interviewer, 12, 10, respondent)

    assert as_copies.p[1] < 1e-6
    assert of_the_file.p[1] > 0.01
    assert (as_copies.alike[1], of_the_file.alike[1]) == (10, 0)
    assert not [pair for pair in of_the_file.pairs if pair.first // 10 == 1 and pair.same_interviewer]
    np.testing.assert_array_equal(np.delete(as_copies.alike, 1), np.delete(of_the_file.alike, 1))
