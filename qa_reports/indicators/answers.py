"""The answers to several items side by side, with the ends of their scales."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from qa_reports.survey.interviews import ARRAYS, AnsweredItem, Arithmetic, Column


class ScaledItem(Struct, frozen=True, eq=False):
    """An item, and the ends of its scale."""

    item: AnsweredItem
    low: float
    """Lowest possible answer: declared, else labelled, else the lowest given; NaN without any answer."""
    high: float
    """Highest possible answer."""
    declared: bool
    """Whether the ends are declared or labelled, and not only the answers that were given."""

    @property
    def answers(self) -> Column:
        """Valid answers."""
        return self.item.answers


class AnswerTable(Struct, frozen=True, eq=False):
    """K items, and how to compute with them."""

    items: tuple[ScaledItem, ...]
    arithmetic: Arithmetic

    def of(self, names: Sequence[str]) -> tuple[ScaledItem, ...]:
        """Some of the items, in the order given."""
        by_name = {scaled.item.name: scaled for scaled in self.items}
        return tuple(by_name[name] for name in names)


def answer_table(items: Sequence[AnsweredItem], arithmetic: Arithmetic = ARRAYS) -> AnswerTable:
    """Put items side by side; there is at least one."""
    return AnswerTable(tuple(ScaledItem(item, *_ends(item)) for item in items), arithmetic)


def _ends(item: AnsweredItem) -> tuple[float, float, bool]:
    if item.scale is not None:
        return (*item.scale, True)
    if not len(item.values):
        return float("nan"), float("nan"), False
    lowest, highest = float(item.values[0]), float(item.values[-1])
    labelled = [value for value, _ in item.categories]
    # Labels of both ends name a scale; answers beyond them show that they do not.
    if len(labelled) >= 2 and min(labelled) <= lowest and highest <= max(labelled):
        return min(labelled), max(labelled), True
    return lowest, highest, False
