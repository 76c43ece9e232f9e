"""Which of an interviewer's sources of evidence a flag is for."""

from __future__ import annotations

import numpy as np

from qa_reports.effects.sources import Cell, EvidenceSource, decide


def source(name: str, p: np.ndarray, cells: tuple[Cell, ...] = (), weight: float = 1.0) -> EvidenceSource:
    return EvidenceSource(name, "level", weight, p, cells, lambda finding: None)


def named(*sources: EvidenceSource) -> set[tuple[str, int, str]]:
    return {(name, finding.interviewer, finding.severity) for name, finding in decide(sources, 0.05).findings}


def test_only_sources_that_show_something_are_named() -> None:
    p = np.full((100, 3), 0.5)
    p[0] = 1e-9, 0.5, np.nan
    p[1] = 1e-9, 1e-8, 0.5
    p[2] = np.nan, np.nan, np.nan
    found = named(*(source(name, p[:, s]) for s, name in enumerate("abc")))
    assert found == {("a", 0, "critical"), ("a", 1, "critical"), ("b", 1, "critical")}


def test_sources_without_weight_are_named_for_single_cells_only() -> None:
    p = np.full(100, 0.5)
    sure = Cell("x", 3, 20, 1.0, 6.0, 1e-9, large=True)
    small = Cell("x", 4, 20, 0.01, 6.0, 1e-9, large=False)
    assert named(source("a", p), source("b", np.full(100, np.nan), (sure, small), 0.0)) == {("b", 3, "critical")}


def test_one_remarkable_interviewer_of_a_wave_is_a_warning() -> None:
    """Fewer than one is expected by chance, and still it is no certainty."""
    p = np.linspace(0.05, 1, 100)
    p[7] = 0.003
    assert named(source("a", p)) == {("a", 7, "warning")}
    # A source that cannot judge them takes no part of the attention.
    blind = np.where(np.arange(100) == 7, np.nan, 0.5)
    assert named(source("a", np.maximum(p, 0.003)), source("b", blind)) == {("a", 7, "warning")}
