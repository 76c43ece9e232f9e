"""Near-duplicate interviews: the largest share of identical answers, against the survey's own distribution.

A fixed limit such as 85 % convicts honest surveys with few items or homogeneous respondents (Simmons et al. 2016, Pew
Research Center). Here pairs of interviews of one interviewer are held against the pairs of different interviewers of
the same survey, raised by what interviews of one interviewer have in common anyway.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from scipy import special

from qa_reports.indicators.identical import ChanceOfIdentical, find_identical
from qa_reports.indicators.measure import FloatArray, IndicatorMeasure, IntArray, not_applicable
from qa_reports.indicators.own_pairs import Best, OwnPairs, compare_within, count_shares
from qa_reports.indicators.similarity import COLUMNS, ROWS, PackedAnswers, blocks, pack_answers, where

_LABEL = "Near-duplicate interviews"
_BINS = 1000
"""Shares are counted in thousandths."""
_SAMPLE = 20_000_000
"""Pairs of different interviewers from which their distribution is taken, at most."""
_MOST_PAIRS = 1_250_000_000
"""Pairs of different interviewers that are compared at most: all of 50,000 interviews, half a minute of one core."""
_FIRST = 256
"""Interviews that each is held against before it is known how close it takes to be closer."""
_EXPECTED = 0.5
"""Pairs within interviewers above the limit that chance brings about in the whole survey."""
_UNLIKELY = 0.05
"""Identical pairs of different interviewers that chance brings about; fewer than of pairs within interviewers, because
what it is worked out from knows pairs of items only."""
_TRIED = np.array([1, 2, 4, 8])
"""An interviewer's evidence is the best of this many of their strongest links, allowing for the choice."""
_NO_EVIDENCE = 0.5
"""p from which an interviewer's links are not looked into. Where some of them lose their meaning, fewer numbers of
links are tried and p may fall, but not below a quarter of this."""
_LISTED = 200
"""Pairs listed at most, the most alike first."""
_MOST_IDENTICAL = 2_000
"""Identical pairs of different interviewers that are looked at: the first that are found."""
_NEARLY_ALL = 0.9999
"""Share that only identical interviews exceed."""


class AlikePair(Struct, frozen=True):
    """Two interviews with more identical answers than chance brings about in the whole survey."""

    first: int
    """Positions of the interviews in the survey."""
    second: int
    share: float
    """Share of identical answers among the items both answered."""
    same_interviewer: bool
    shared: int
    """Items both answered."""
    expected: float | None = None
    """Pairs as improbable as this one that chance brings about in the survey; of identical interviews of different
    interviewers, the others are held against the limit."""


class Duplicates(Struct, frozen=True, eq=False):
    """What similar pairs say. n interviews, J interviewers."""

    measure: IndicatorMeasure
    """(n,) largest share of identical answers with any other interview."""
    partner: IntArray
    """(n,) the other interview; -1 where none can be compared."""
    limit: float
    """Share from which a pair of one interviewer is improbable: less than half such a pair is expected by chance among
    all pairs within interviewers of the survey. NaN where not applicable."""
    closest: FloatArray
    """(J,) share of identical answers of each interviewer's most similar pair that is evidence; NaN without one."""
    alike: IntArray
    """(J,) interviews of each interviewer that are improbably like another one of theirs."""
    p: FloatArray
    """(J,) p of the interviewer's most similar pairs; NaN where they have no pair to compare."""
    pairs: tuple[AlikePair, ...]
    """Pairs within interviewers above the limit, and identical ones between that are improbable, most alike first."""
    n_pairs: int
    """As many of them as there are, listed or not."""


def find_duplicates(
    answers: FloatArray,
    interviewer: IntArray,
    n_interviewers: int,
    fewest: int,
    respondent: IntArray | None = None,
) -> Duplicates:
    """Compare every interview with every other one.

    For interviewer j with m_j pairs of interviews, let s_1 >= s_2 >= ... be the links of the maximum spanning forest of
    their interviews (a group of k copies counts k - 1 times, not k (k - 1) / 2). With G(s) the share of pairs of
    different interviewers that agree on s or more, and r how many times more frequent very similar pairs are
    within interviewers, P(Poisson(m_j r G(s_k)) >= k) is the probability of k such links; p is the smallest
    over k = 1, 2, 4 and 8, times the number of k tried. A link counts only where the two interviews are more alike than
    either is to any interview of another interviewer. And p is never below what the interviewer's own variety leads to
    expect of the closest pair: interviews that are all a little too similar are a matter of spread.

    Of more than 50,000 interviews not all pairs are compared, which would take hours. Each interview is held against
    evenly spread ones of other interviewers, as many as make `_MOST_PAIRS`, and identical ones are found by sorting. A
    sample may miss the interview elsewhere that takes a link its meaning, so interviewers whose links may be evidence
    are held against all interviews after all, as many as the same number of pairs allows, the surest first.

    Args:
        answers: (n, K), NaN where there is no answer.
        interviewer: (n,) position of each interview's interviewer.
        n_interviewers: J.
        fewest: items both interviews must have answered.
        respondent: (n,) position of each interview's respondent. Two interviews of one interviewer with the same
            respondent are a matter of the file and say nothing of the interviewer; None where all have different ones.
    """
    n, k = answers.shape
    if k < fewest:
        reason = f"it takes {fewest} items or more to compare interviews; there are {k}"
        return _none(n, n_interviewers, reason)
    order = np.argsort(interviewer, kind="stable")
    packed, owner = pack_answers(answers[order]), interviewer[order]
    of_one = None if respondent is None else respondent[order]
    own_pairs = compare_within(packed, owner, n_interviewers, fewest, _LISTED, _BINS, of_one)
    if n * (n - 1) // 2 <= _MOST_PAIRS:
        best, between, identical = _compare_between(packed, owner, fewest)
    else:
        best, between = _compare_sample(packed, owner, fewest)
        identical = find_identical(answers[order], owner, fewest)
        for pair in identical:
            best.take(np.array(pair), np.ones(2, dtype=np.float32), np.array(pair[::-1]))
        within = _beyond_elsewhere(own_pairs, best)
        p = _judge(within, between)[0]
        surest = [j for j in np.argsort(p, kind="stable")[: _MOST_PAIRS // n] if p[j] < _NO_EVIDENCE]
        rows = [{row for link in within.links[j] for row in link[1:]} for j in surest]
        _compare_with_all(
            packed, owner, fewest, best, [row for group in rows for row in sorted(group)][: _MOST_PAIRS // n]
        )
    within = _beyond_elsewhere(own_pairs, best)
    own_pairs.nearest.into(best)
    largest, partner = best.share.astype(np.float64), best.partner
    if not (largest >= 0).any():
        return _none(n, n_interviewers, f"no two interviews have {fewest} answered items in common")
    p, limit = _judge(within, between)
    p = np.maximum(p, _by_own_variety(answers[order], owner, within))
    alike = np.array([len({row for link in links if link[0] >= limit for row in link[1:]}) for links in within.links])
    closest = np.array([links[0][0] if links else np.nan for links in within.links])
    values, partners = np.full(n, np.nan), np.full(n, -1, dtype=np.int64)
    values[order] = np.where(largest >= 0, largest, np.nan)
    partners[order] = np.where(largest >= 0, order[partner], -1)
    found = [
        *(
            AlikePair(int(order[a]), int(order[b]), share, True, _n_shared(answers, order[a], order[b]))
            for pairs in own_pairs.strongest
            for share, a, b in pairs.where(pairs.share >= limit)[:_LISTED]
        ),
        *_improbable(answers, [(int(order[a]), int(order[b])) for a, b in identical[:_MOST_IDENTICAL]]),
    ]
    found.sort(key=lambda pair: (-pair.share, not pair.same_interviewer, -pair.shared, pair.first, pair.second))
    measure = IndicatorMeasure(
        name="largest_match",
        kind="duplicates",
        label=_LABEL,
        values=values,
        unit="share of identical answers",
        worrying="high",
        scale="continuous",
        threshold=(
            f"two interviews of one interviewer agree on {limit:.0%} of their answers or more: less than half such a "
            "pair is expected by chance in the whole survey"
            if np.isfinite(limit)
            else "even two interviews with all answers the same are to be expected by chance in this survey, so only "
            "many of one interviewer count"
        ),
    )
    return Duplicates(measure, partners, limit, closest, alike, p, tuple(found[:_LISTED]), len(found))


def _n_shared(answers: FloatArray, first: int, second: int) -> int:
    return int((np.isfinite(answers[first]) & np.isfinite(answers[second])).sum())


def _improbable(answers: FloatArray, identical: list[tuple[int, int]]) -> list[AlikePair]:
    """Those of identical interviews of different interviewers that chance does not bring about in the whole survey."""
    if not identical:
        return []
    chance = ChanceOfIdentical(answers)
    pairs = [(a, b, chance.expected(a, b)) for a, b in identical]
    return [
        AlikePair(a, b, 1.0, False, _n_shared(answers, a, b), expected)
        for a, b, expected in pairs
        if expected <= _UNLIKELY
    ]


def no_duplicates(reason: str) -> IndicatorMeasure:
    """The measure of interviews that are not compared, and why."""
    return not_applicable("largest_match", "duplicates", _LABEL, reason)


def _none(n: int, n_interviewers: int, reason: str) -> Duplicates:
    nobody, nothing = np.zeros(n_interviewers, dtype=np.int64), np.full(n_interviewers, np.nan)
    return Duplicates(
        no_duplicates(reason), np.full(n, -1, dtype=np.int64), float("nan"), nothing, nobody, nothing, (), 0
    )


def _compare_between(
    packed: PackedAnswers, owner: IntArray, fewest: int
) -> tuple[Best, IntArray, list[tuple[int, int]]]:
    """Pairs of different interviewers: each interview's best, shares in thousandths, identical pairs."""
    n = len(owner)
    place, best = np.arange(n), Best.of_none(n)
    between = np.zeros(_BINS + 1, dtype=np.int64)
    identical: list[tuple[int, int]] = []
    every = max(1, -(-(n * n // 2) // _SAMPLE))
    for number, (rows, columns) in enumerate(blocks(n)):
        if number % every == 0:
            share = packed.shares(rows, columns, fewest)
            if owner[columns.start] <= owner[rows.stop - 1]:  # interviews stand by interviewer
                share[owner[rows, None] >= owner[columns]] = -1
            between += count_shares(share, _BINS)
            best.take_all(place[rows], share, place[columns])
            best.take_all(place[columns], share.T, place[rows])
            first, second = where(share >= 1)
        else:
            bar = np.minimum(best.share, np.float32(_NEARLY_ALL)) if len(identical) < _MOST_IDENTICAL else best.share
            first, second, close = packed.closer(rows, columns, fewest, bar[rows], None, bar[columns])
            apart = owner[first + rows.start] < owner[second + columns.start]
            first, second, close = first[apart], second[apart], close[apart]
            best.take_closest(first + rows.start, close, second + columns.start)
            best.take_closest(second + columns.start, close, first + rows.start)
            first, second = first[close >= 1], second[close >= 1]
        if len(identical) < _MOST_IDENTICAL:
            pairs = first[:_MOST_IDENTICAL] + rows.start, second[:_MOST_IDENTICAL] + columns.start
            identical += zip(*(one.tolist() for one in pairs), strict=True)
    return best, between, identical


def _compare_sample(packed: PackedAnswers, owner: IntArray, fewest: int) -> tuple[Best, IntArray]:
    """Every interview with evenly spread ones of different interviewers: its best, and shares in thousandths."""
    n = len(owner)
    best = Best.of_none(n)
    between = np.zeros(_BINS + 1, dtype=np.int64)
    sample = np.linspace(0, n - 1, max(1, _MOST_PAIRS // n)).round().astype(np.int64)
    spread = packed.take(sample)
    every = max(1, -(-(n * len(sample)) // _SAMPLE))
    for number, top in enumerate(range(0, n, ROWS)):
        rows = slice(top, min(top + ROWS, n))
        # Nothing is known of these interviews before the first block, and much after it.
        first_block = len(sample) if number % every == 0 else min(_FIRST, len(sample))
        share = packed.shares(rows, slice(0, first_block), fewest, spread)
        share[owner[rows, None] == owner[sample[:first_block]]] = -1
        best.take_all(np.arange(rows.start, rows.stop), share, sample[:first_block])
        if number % every == 0:
            between += count_shares(share, _BINS)
        for left in range(first_block, len(sample), COLUMNS):
            columns = slice(left, min(left + COLUMNS, len(sample)))
            row, column, close = packed.closer(rows, columns, fewest, best.share[rows], spread)
            row, other = row + rows.start, sample[column + left]
            apart = owner[row] != owner[other]
            best.take_closest(row[apart], close[apart], other[apart])
    return best, between


def _compare_with_all(packed: PackedAnswers, owner: IntArray, fewest: int, best: Best, places: list[int]) -> None:
    """Some interviews with all of different interviewers; `best` takes them in."""
    some = np.array(places, dtype=np.int64)
    chosen = packed.take(some)
    for top in range(0, len(some), ROWS):
        rows = slice(top, min(top + ROWS, len(some)))
        for left in range(0, len(owner), COLUMNS):
            columns = slice(left, min(left + COLUMNS, len(owner)))
            row, other, close = chosen.closer(rows, columns, fewest, best.share[some[rows]], packed)
            row, other = some[row + top], other + left
            apart = owner[row] != owner[other]
            best.take_closest(row[apart], close[apart], other[apart])


class _Within(Struct, frozen=True, eq=False):
    """Pairs of interviews of one interviewer."""

    counts: IntArray
    """(J, bins) their shares in thousandths."""
    links: list[list[tuple[float, int, int]]]
    """Per interviewer the links of the maximum spanning forest that count as evidence, strongest first."""


def _beyond_elsewhere(own_pairs: OwnPairs, best: Best) -> _Within:
    """Pairs that are no more alike than either is to somebody else's interview (`best`) are no evidence: two
    respondents who answer in the commonest way are alike whoever asks."""
    links = [
        _forest(pairs.where(pairs.share > np.maximum(best.share[pairs.first], best.share[pairs.second])))
        for pairs in own_pairs.strongest
    ]
    return _Within(own_pairs.counts, links)


def _forest(ranked: list[tuple[float, int, int]]) -> list[tuple[float, int, int]]:
    """The links that join two groups not yet joined (Kruskal), strongest first."""
    group: dict[int, int] = {}

    def root(row: int) -> int:
        while group.setdefault(row, row) != row:
            row = group[row]
        return row

    found = []
    for share, a, b in ranked:
        one, other = root(a), root(b)
        if one != other:
            group[one] = other
            found.append((share, a, b))
    return found


def _judge(within: _Within, between: IntArray) -> tuple[FloatArray, float]:
    """(J,) p, and the share from which a pair within an interviewer is improbable."""
    m = within.counts.sum(axis=1)
    # Tails: pairs that agree on this many thousandths or more; never 0, because the next pair could be the first.
    tail = (np.cumsum(between[::-1])[::-1] + 1) / (between.sum() + 1)
    tail = np.minimum(tail * _excess(within.counts, m, tail), 1.0)
    p = np.full(len(m), np.nan)
    for j in np.flatnonzero(m):
        tried = _TRIED[len(within.links[j]) >= _TRIED]
        weakest = np.array([int(within.links[j][number - 1][0] * _BINS) for number in tried], dtype=np.int64)
        tails = special.pdtrc(tried - 1, m[j] * tail[weakest])
        p[j] = min(1.0, float(tails.min(initial=1.0)) * max(1, len(tried)))
    improbable = np.flatnonzero(m.sum() * tail <= _EXPECTED)
    return p, float(improbable[0] / _BINS) if improbable.size else float("inf")


def _by_own_variety(answers: FloatArray, owner: IntArray, within: _Within) -> FloatArray:
    """(J,) p of each interviewer's closest pair, if answers varied about the interviewer's own means as they do.

    Two rounded normal answers with standard deviation s agree with probability 2 Phi(step/(s sqrt 8)) - 1; over items
    the number of agreements is taken as binomial. A pair of copies lies far beyond that, however many copies there are.
    """
    steps = np.array([np.diff(np.unique(own[np.isfinite(own)])).min(initial=np.inf) for own in answers.T])
    p = np.full(len(within.links), np.nan)
    starts = np.searchsorted(owner, np.arange(len(p) + 1))
    for j in np.flatnonzero(within.counts.sum(axis=1)):
        if not within.links[j]:
            p[j] = 0.0  # no evidence: what the other judgement says stands
            continue
        own = answers[starts[j] : starts[j + 1]]
        _, first, second = within.links[j][0]
        has = np.isfinite(own)
        n = np.maximum(has.sum(axis=0), 1)
        centred = np.where(has, own - np.where(has, own, 0.0).sum(axis=0) / n, 0.0)
        sd = np.sqrt((centred**2).sum(axis=0) / np.maximum(n - 1, 1))
        agree = 2 * special.ndtr(np.divide(steps, np.sqrt(8) * sd, out=np.full(len(sd), np.inf), where=sd > 0)) - 1
        both = np.isfinite(answers[first]) & np.isfinite(answers[second])
        same = int((answers[first, both] == answers[second, both]).sum())
        tail = special.bdtrc(same - 1, int(both.sum()), agree[both].mean()) if same else 1.0
        p[j] = min(1.0, within.counts[j].sum() * tail)
    return p


def _excess(counts: IntArray, m: IntArray, tail: FloatArray) -> float:
    """How many times more frequent very similar pairs are within interviewers than between, at least 1.

    Taken from the share of interviewers who have any such pair, at a level that a fifth of them reach: however many
    copies one interviewer has, they count once.
    """
    having = m > 0
    reaching = (np.cumsum(counts[having, ::-1], axis=1)[:, ::-1] > 0).sum(axis=0)
    level = np.flatnonzero(reaching >= max(3, having.sum() / 5))
    if not level.size or reaching[level[-1]] == having.sum():
        return 1.0
    at = level[-1]
    without, expected = having.sum() - reaching[at], m[having] * tail[at]
    highest = 1e3
    if np.exp(-highest * expected).sum() > without:
        return highest
    if np.exp(-expected).sum() <= without:
        return 1.0
    times = 1.0
    # Newton from the left on a falling, convex function never steps beyond its root.
    for _ in range(200):
        none = np.exp(-times * expected)
        step = float((none.sum() - without) / (none * expected).sum())
        times += step
        if step <= 1e-12 * times:
            break
    return min(times, highest)
