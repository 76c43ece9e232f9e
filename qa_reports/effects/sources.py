"""Sources of evidence about interviewers, and the rules that decide over all of them together.

One interviewer's p values from several sources are combined by Simes with weights (Hochberg & Liberman 1994), which
holds for independent and for positively dependent sources; Benjamini & Hochberg (1995) then runs over interviewers
(hierarchical testing: Benjamini & Bogomolov 2014), and within a chosen interviewer over their sources. Single cells go
the same way, so that one interviewer counts once however many of their cells are remarkable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qa_reports.effects.findings import Flag, FlagKind
from qa_reports.effects.inference import false_discovery_q
from qa_reports.effects.rules import EXPECTED_WARNINGS

FloatArray = NDArray[np.float64]


class Cell(Struct, frozen=True, eq=False):
    """One interviewer on one thing that a source looks at."""

    what: str
    """The item, slope or battery, as its source knows it."""
    interviewer: int
    """Position in `Survey.interviewer_ids`."""
    n_interviews: int
    deviation: float
    """In the source's unit."""
    z: float
    p: float
    large: bool
    """Whether the deviation is large enough to be worth a call, however sure it is."""
    q: float = np.nan
    """Hierarchical false discovery q over the cells of all sources; set by `decide`."""


class Finding(Struct, frozen=True, eq=False):
    """An interviewer who is to be named for one source."""

    interviewer: int
    severity: Literal["critical", "warning"]
    p: float
    """The source's own p; NaN for a source with single cells only."""
    q: float
    """False discovery q of the interviewer over all sources together; NaN where not judged over all."""
    cells: tuple[Cell, ...]
    """All cells of this interviewer and source, smallest p first."""
    single: tuple[Cell, ...]
    """Those of them that are sure and large by themselves."""
    strength: float = 1.0
    """p of what it rests on, times how much else of this interviewer was looked at (Bonferroni with the sources'
    weights): the smallest is the strongest reason, whatever kind of source it comes from."""


class EvidenceSource(Struct, frozen=True, eq=False):
    """One kind of evidence about J interviewers; flag.py says how to add one."""

    name: str
    kind: FlagKind
    weight: float
    p: FloatArray
    """(J,) over all that the source sees, uniform for a normal interviewer; NaN where not judged."""
    cells: tuple[Cell, ...]
    describe: Callable[[Finding], Flag | None]
    cell_weight: float = 1.0
    """How much one of its cells counts beside cells of other sources (Genovese, Roeder & Wasserman 2006)."""


class Decision(Struct, frozen=True, eq=False):
    """What the rules say of J interviewers."""

    p: FloatArray
    """(J,) p over all sources; NaN where no source judges."""
    findings: tuple[tuple[str, Finding], ...]
    """(name of the source, finding)."""


def decide(sources: Sequence[EvidenceSource], rate: float) -> Decision:
    """Who is to be named for what: by everything together, and by single cells.

    Args:
        sources: all sources over the same interviewers.
        rate: the false discovery rate for `critical`.
    """
    p = np.stack([source.p for source in sources], axis=-1)
    weights = np.array([source.weight for source in sources])
    combined = combine_sources(p, weights)
    q = false_discovery_q(combined)
    judged = max(1, int(np.isfinite(combined).sum()))
    sure, notable = q < rate, combined < EXPECTED_WARNINGS / judged
    # The largest combined p that is accepted: sources up to it are named.
    bound = max(EXPECTED_WARNINGS / judged, float(combined[sure].max()) if sure.any() else 0.0)
    named = _named(p, weights, bound)
    cells = _by_interviewer(sources, rate)
    strength = _strengths(p, weights)
    n_cells = np.zeros(len(combined))
    for (_, j), found in cells.items():
        n_cells[j] += len(found)
    of_cells = cell_weights(sources)
    findings = []
    for s, source in enumerate(sources):
        for j in range(len(combined)):
            own = cells.get((s, j), ())
            single = [cell for cell, of_cell in own if of_cell < rate and cell.large]
            by_all = named[j, s] and (sure[j] or notable[j])
            if single or by_all:
                severity: Literal["critical", "warning"] = "critical" if single or sure[j] else "warning"
                judged_cells = tuple(sorted((replace(cell, q=of_cell) for cell, of_cell in own), key=lambda c: c.p))
                singles = tuple(cell for cell in judged_cells if cell.q < rate and cell.large)
                ranks = [float(cell.p * n_cells[j] / of_cells[s]) for cell in singles]
                ranks += [float(strength[j, s])] if by_all else []
                finding = Finding(j, severity, float(p[j, s]), float(q[j]), judged_cells, singles, min(ranks))
                findings.append((source.name, finding))
    return Decision(combined, tuple(findings))


def combine_sources(p: FloatArray, weights: FloatArray) -> FloatArray:
    """(...,) Simes p over the last axis with weights: min over k of p_(k) / (share of weight up to k). NaN is left out.

    With one source it is that source's p.
    """
    if p.shape[-1] == 1:
        return p[..., 0].copy()
    order = np.argsort(p, axis=-1)  # NaN come last
    ordered = np.take_along_axis(p, order, axis=-1)
    share = np.cumsum(np.where(np.isfinite(ordered), weights[order], 0.0), axis=-1)
    known = np.isfinite(ordered)
    share = np.divide(share, share[..., -1:], out=np.ones_like(share), where=known)
    combined = np.where(known, ordered / share, np.inf).min(-1)
    return np.where(known.any(-1), np.minimum(combined, 1.0), np.nan)


def _strengths(p: FloatArray, weights: FloatArray) -> FloatArray:
    """(J, S) p times the total weight of the sources that judge the interviewer, over the source's own."""
    known = np.isfinite(p) & (weights > 0)
    total = np.where(known, weights, 0.0).sum(-1, keepdims=True)
    return np.asarray(np.where(known, np.where(known, p, 1.0) * total / np.where(weights > 0, weights, 1.0), np.inf))


def _named(p: FloatArray, weights: FloatArray, bound: float) -> NDArray[np.bool_]:
    """(J, S) the sources whose weighted p passes `bound`, by weighted Benjamini-Hochberg, stepping up."""
    known = np.isfinite(p)
    weight = np.where(known, weights, 0.0)
    total = np.maximum(weight.sum(-1, keepdims=True), 1e-12)
    # at_most[j, s]: the share of weight of the sources with a p at most that of s.
    at_most = (weight[:, None, :] * (np.where(known, p, 2.0)[:, None, :] <= np.where(known, p, -1.0)[:, :, None])).sum(
        -1
    )
    passes = p <= bound * at_most / total
    return np.asarray(p <= np.where(passes, p, -1.0).max(-1, keepdims=True))


def cell_weights(sources: Sequence[EvidenceSource]) -> list[float]:
    """The weight of a cell of each source, 1 on average over all cells."""
    total = sum(len(source.cells) for source in sources)
    mean = sum(source.cell_weight * len(source.cells) for source in sources) / max(total, 1)
    return [source.cell_weight / mean if mean > 0 else 1.0 for source in sources]


def _by_interviewer(sources: Sequence[EvidenceSource], rate: float) -> dict[tuple[int, int], list[tuple[Cell, float]]]:
    """(source, interviewer) -> cells with their q over all sources.

    Hierarchical (Benjamini & Bogomolov 2014): Benjamini-Hochberg over interviewers, each with the Simes p of all their
    cells; then within an interviewer at the share of interviewers that are chosen. Over all cells at once the many
    cells of one gross interviewer would make room for single cells of innocent ones.
    """
    flat = [(s, cell) for s, source in enumerate(sources) for cell in source.cells]
    if not flat:
        return {}
    weights = np.array(cell_weights(sources))
    owner = np.array([cell.interviewer for _, cell in flat])
    p = np.minimum(np.array([cell.p for _, cell in flat]) / weights[[s for s, _ in flat]], 1.0)
    adjusted = np.empty(len(flat))
    owners, starts = np.unique(owner[order := np.argsort(owner, kind="stable")], return_index=True)
    for own in np.split(order, starts[1:]):
        adjusted[own] = false_discovery_q(p[own])
    by_owner = np.array([adjusted[own].min() for own in np.split(order, starts[1:])])
    chosen = max(1, int((false_discovery_q(by_owner) < rate).sum()))
    q = np.minimum(adjusted * len(owners) / chosen, 1.0)
    found: dict[tuple[int, int], list[tuple[Cell, float]]] = {}
    for (s, cell), own_q in zip(flat, q.tolist(), strict=True):
        found.setdefault((s, cell.interviewer), []).append((cell, own_q))
    return found
