"""Why T is estimated in blocks of items: power, and false alarms by workload, with one T and with a T of every block.

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

SIZES = ((20, 22), (50, 22), (75, 22), (100, 22), (100, 50), (100, 100), (100, 200))
"""Interviewers and items."""
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


def statistics(deviations: np.ndarray, table: Table, blocks: list[slice]) -> np.ndarray:
    """(W, J) logarithms of the statistic with a T of each block."""
    share = weights_in_t(table.n) / weights_in_t(table.n).sum()
    d = (deviations - (share @ deviations)[:, None]) / (1 - share)[:, None]
    total = np.zeros(d.shape[:2])
    for block in blocks:
        own, within = np.ascontiguousarray(d[..., block]), table.within[block, block]
        raw = np.swapaxes(own * share[:, None], 1, 2) @ own - within * (share / table.n).sum()
        between, n = shrink_between(raw, within), np.broadcast_to(table.n, total.shape)
        variance = _variances_of_others(own**2, np.diagonal(within) / n[..., None], [between], share)
        total += _of_block(own, between, within, n, share, variance)
    return np.log(total)


def table_rows(waves: int = 400, seed: int = 97) -> Iterator[str]:
    """Share found of a planted interviewer with 21 interviews, at the p of a warning among those of like workload."""
    heads = list(planted(22))
    yield "| interviewers | items | blocks | " + " | ".join(heads) + " | false alarms by quarter of workload |"
    yield "|---" * (4 + len(heads)) + "|"
    for interviewers, items in SIZES:
        table, between = survey(interviewers, items)
        rng = np.random.default_rng(seed)
        normal = _draw_normal(table, between)(rng, np.ones((waves, interviewers)))
        who = int(np.argmin(np.abs(table.n - 21)))
        near = np.argsort(np.abs(np.log(table.n / table.n[who])))[: max(5, int(_NEIGHBOURS * interviewers))]
        several = item_blocks(table.within, interviewers)
        for blocks in ([slice(0, items)], *([several] if len(several) > 1 else [])):
            usual = statistics(normal, table, blocks)
            bound = np.quantile(usual[:, near], 1 - EXPECTED_WARNINGS / interviewers)
            found = []
            for deviation in planted(items).values():
                other = normal.copy()
                other[:, who] += deviation
                found.append(np.mean(statistics(other, table, blocks)[:, who] > bound))
            alarms = quarters(usual, table.n)
            cells = [*(f"{share:.0%}" for share in found), " / ".join(f"{share:.1f}" for share in alarms)]
            yield f"| {interviewers} | {items} | {len(blocks)} | " + " | ".join(cells) + " |"


def quarters(usual: np.ndarray, n: np.ndarray) -> list[float]:
    """Share of p below .01 over nominal in the quarters of the workloads, as p is made with 50 interviewers or more."""

    _, comparable = of_any_workload(np.exp(usual[0]), np.exp(usual), n)
    high = comparable > np.quantile(comparable, 0.99)
    return [float(high[:, part].mean() / 0.01) for part in np.array_split(np.arange(len(n)), 4)]


if __name__ == "__main__":
    for line in table_rows(*map(int, sys.argv[1:2])):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
