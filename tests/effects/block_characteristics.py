"""Why the others' T in one direction, and in blocks of items: power, and false alarms by workload.

`python -m tests.effects.block_characteristics [WAVES]` writes the tables of docs/simulations-flags.md (400 waves: some
minutes).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from qa_reports.effects.between import shrink_between, weights_in_t
from qa_reports.effects.rules import EXPECTED_WARNINGS
from qa_reports.effects.side_by_side import Table, item_blocks
from qa_reports.effects.simulated_levels import _draw_normal, _of_block, _variances_of_others, of_any_workload

SIZES = ((10, 22), (20, 22), (50, 22), (75, 22), (100, 22), (100, 50), (100, 100), (100, 200))
"""Interviewers and items."""
LEFT_OUT = ((20, 5), (20, 22), (50, 22), (100, 22))
"""The same, of which those that are held against others in several ways."""
BATTERY = 5
_NEIGHBOURS = 0.25
"""Share of the interviewers, those with the nearest workloads, that someone is held against."""


def survey(interviewers: int, items: int) -> tuple[Table, np.ndarray]:
    """Workloads 5 to 60, batteries of five, ICC .01 to .12; interviewers differ alike within batteries, and T."""
    battery = np.arange(items) // BATTERY
    same = battery[:, None] == battery
    within = np.where(same, 0.35, 0.05) + np.diag(np.full(items, 0.65))
    sd = np.sqrt(np.linspace(0.01, 0.12, items))
    between = np.outer(sd, sd) * (np.where(same, 0.5, 0.2) + np.diag(np.full(items, 0.5)))
    n = np.geomspace(5, 60, interviewers)
    overlap = np.ones((interviewers, items, items)) / n[:, None, None]
    return Table(np.zeros((interviewers, items)), within, overlap, n, (None,) * items, None), between


def planted(items: int) -> dict[str, np.ndarray]:
    """Deviations in residual standard deviations."""
    six, battery = np.zeros(items), np.zeros(items)
    six[np.arange(6) * items // 6] = 0.9
    battery[:BATTERY] = 0.9
    return {
        "six items of different batteries": six,
        "one battery": battery,
        "every item, up or down": np.random.default_rng(1).normal(0, 0.3, items),
    }


def statistics(
    deviations: np.ndarray, table: Table, blocks: list[np.ndarray], held_against: str | None = None
) -> np.ndarray:
    """(W, J) logarithms of the statistic with a T of each block."""
    share = weights_in_t(table.n) / weights_in_t(table.n).sum()
    d = (deviations - (share @ deviations)[:, None]) / (1 - share)[:, None]
    total = np.zeros(d.shape[:2])
    for block in blocks:
        own, within = np.ascontiguousarray(d[..., block]), table.within[np.ix_(block, block)]
        raw = np.swapaxes(own * share[:, None], 1, 2) @ own - within * (share / table.n).sum()
        total += HELD_AGAINST[held_against or DIRECTION](own, raw, within, table.n, share)
    return np.log(total)


def _by_direction(d: np.ndarray, raw: np.ndarray, within: np.ndarray, n: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(W, J) as the program has it, of deviations (W, J, k) and raw moments (W, k, k)."""
    answers = np.broadcast_to(n, d.shape[:2])
    variance = _variances_of_others(d**2 - np.diagonal(within) / answers[..., None], share)
    return _of_block(d, within, answers, share, variance)


def _by_everybody(d: np.ndarray, raw: np.ndarray, within: np.ndarray, n: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(W, J) d'(T + W)^-1 d."""
    matrix = shrink_between(raw, within).covariance[:, None] + within / n[:, None, None]
    return np.einsum("wjk,wjk->wj", d, np.linalg.solve(matrix, d[..., None])[..., 0])


def _by_rank_one(d: np.ndarray, raw: np.ndarray, within: np.ndarray, n: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(W, J) as if T held the products of all deviations as they are (Sherman-Morrison), within a bound."""
    everybody = _by_everybody(d, raw, within, n, share)
    return (1 - share) * everybody / np.maximum(1 - share * everybody, 1e-3)


def _by_the_others(d: np.ndarray, raw: np.ndarray, within: np.ndarray, n: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(W, J) d'(T_-j + W)^-1 d with a T of the others for each."""
    total = np.empty(d.shape[:2])
    for j, c in enumerate(share):
        own = d[:, j, :, None] * d[:, j, None] - within / n[j]
        others = shrink_between((raw - c * own) / (1 - c), within).covariance
        total[:, j] = np.einsum("wk,wk->w", d[:, j], np.linalg.solve(others + within / n[j], d[:, j, :, None])[..., 0])
    return total


DIRECTION = "the others, in the direction of the deviation"
HELD_AGAINST = {
    "everybody": _by_everybody,
    "the others by Sherman and Morrison's formula": _by_rank_one,
    "the others, T made anew for each": _by_the_others,
    DIRECTION: _by_direction,
}


def _found_and_alarms(
    interviewers: int, items: int, waves: int, ways: list[tuple[str, list[np.ndarray], str]], seed: int = 97
) -> Iterator[str]:
    """Share found of a planted interviewer with 21 interviews, at the p of a warning among those of like workload."""
    table, between = survey(interviewers, items)
    normal = _draw_normal(table, between)(np.random.default_rng(seed), np.ones((waves, interviewers)))
    who = int(np.argmin(np.abs(table.n - 21)))
    near = np.argsort(np.abs(np.log(table.n / table.n[who])))[: max(5, int(_NEIGHBOURS * interviewers))]
    for name, blocks, held_against in ways:
        usual = statistics(normal, table, blocks, held_against)
        bound = np.quantile(usual[:, near], 1 - EXPECTED_WARNINGS / interviewers)
        found = []
        for deviation in planted(items).values():
            other = normal.copy()
            other[:, who] += deviation
            found.append(np.mean(statistics(other, table, blocks, held_against)[:, who] > bound))
        alarms = " / ".join(f"{share:.1f}" for share in quarters(usual, table.n))
        yield f"| {interviewers} | {items} | {name} | " + " | ".join(f"{s:.0%}" for s in found) + f" | {alarms} |"


def _head(what: str) -> Iterator[str]:
    heads = ["interviewers", "items", what, *planted(22), "false alarms by quarter of workload"]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"


def block_rows(waves: int = 400) -> Iterator[str]:
    """One T, and a T of every block."""
    yield from _head("blocks")
    for interviewers, items in SIZES:
        several = item_blocks(survey(interviewers, items)[0].within, interviewers)
        ways = [("1", [np.arange(items)], DIRECTION), (str(len(several)), several, DIRECTION)]
        yield from _found_and_alarms(interviewers, items, waves, ways[: len(several)])


def left_out_rows(waves: int = 400) -> Iterator[str]:
    """What an interviewer is held against, in the blocks that the program makes."""
    yield from _head("held against")
    for interviewers, items in LEFT_OUT:
        blocks = item_blocks(survey(interviewers, items)[0].within, interviewers)
        ways = [(name, blocks, name) for name in HELD_AGAINST]
        yield from _found_and_alarms(interviewers, items, waves, ways)


def quarters(usual: np.ndarray, n: np.ndarray) -> list[float]:
    """Share of p below .01 over nominal in the quarters of the workloads."""
    _, comparable = of_any_workload(np.exp(usual[0]), np.exp(usual), n)
    high = comparable > np.quantile(comparable, 0.99)
    return [float(high[:, part].mean() / 0.01) for part in np.array_split(np.arange(len(n)), 4)]


if __name__ == "__main__":
    for table_of in (left_out_rows, block_rows):
        for line in table_of(*map(int, sys.argv[1:2])):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
