"""What a configuration would do with its data: cleaned and planned, nothing fitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from msgspec import Struct

from qa_reports.config import ReportConfig, load_config
from qa_reports.delivery.archive import check_archive
from qa_reports.delivery.folder import check_writable
from qa_reports.effects.few import why_nobody, wrong_column
from qa_reports.effects.linear import FailedModel, ModelPlan
from qa_reports.effects.mixed_model import obstacles
from qa_reports.effects.moments import compute_moments
from qa_reports.effects.plans import ItemPlans, plan_items
from qa_reports.engine.choose import clean_delivered, load_delivered
from qa_reports.errors import OutputError
from qa_reports.report.files import FILE_NAMES
from qa_reports.survey.clean import ItemResponses, Survey

MODELS = ("null", "adjusted", "slope", "covariates")


class CheckedItem(Struct, frozen=True):
    """One item: what of it is left, and which models it would have."""

    name: str
    label: str
    scale: tuple[float, float] | None
    n_answers: int
    """Valid answers."""
    n_coded: int
    """Answers that are a missing code."""
    n_blank: int
    n_outside: int
    """Answers outside the scale, set aside."""
    models: tuple[tuple[str, int], ...]
    """(model, interviews it would use) of the models that can be fitted."""
    obstacles: tuple[tuple[str, str], ...]
    """(model, why it cannot be fitted)."""

    @property
    def is_modelled(self) -> bool:
        """Whether the item would be in the report with more than a reason."""
        return any(model == "null" for model, _ in self.models)


class Checked(Struct, frozen=True, eq=False):
    """A configuration and its data, ready to be fitted."""

    config: ReportConfig
    survey: Survey
    items: tuple[CheckedItem, ...]
    workloads: np.ndarray
    """(J,) interviews of each interviewer."""
    unwritable: str | None = None
    """Why the report could not be put where it belongs."""

    @property
    def n_modelled(self) -> int:
        """Items that would be modelled."""
        return sum(item.is_modelled for item in self.items)

    @property
    def would_run(self) -> bool:
        """Whether there would be a report: a single item is enough, and a place for it."""
        return self.n_modelled > 0 and self.unwritable is None

    @property
    def too_few(self) -> tuple[tuple[str, int], ...]:
        """(interviewer, interviews) of those with fewer than a judgement needs."""
        least = self.config.flags.min_interviews
        pairs = zip(self.survey.interviewer_ids, self.workloads.tolist(), strict=True)
        return tuple((name, n) for name, n in pairs if n < least)

    @property
    def nobody_judged(self) -> str | None:
        """Why nobody can be judged; None where somebody can."""
        return why_nobody(self.workloads, self.config.flags.min_interviews, self.config.data.interviewer)

    @property
    def wrong_column(self) -> str | None:
        """What speaks against the column of interviewers, where somebody can be judged."""
        return wrong_column(self.workloads, self.config.data.interviewer) if self.nobody_judged is None else None

    @property
    def codes(self) -> tuple[tuple[float | str, str, int, int], ...]:
        """(code, reason, answers, items) over all items, most answers first."""
        names = {item.name for item in self.items}
        answers: Counter[tuple[float | str, str]] = Counter()
        items: Counter[tuple[float | str, str]] = Counter()
        for recode in self.survey.log.recoded:
            if recode.variable in names:
                answers[recode.code, recode.reason] += recode.n
                items[recode.code, recode.reason] += 1
        return tuple((code, reason, n, items[code, reason]) for (code, reason), n in answers.most_common())


def check_config(path: Path) -> Checked:
    """Load and clean what a configuration names, and plan its models.

    Raises:
        UserError: the configuration or its data hold a mistake; the message says what would be right.
    """
    config = load_config(path)
    survey = clean_delivered(load_delivered(config, path.parent), config, path.parent)
    coded = Counter[str]()
    for recode in survey.log.recoded:
        coded[recode.variable] += recode.n
    outside = Counter[str]()
    for values in survey.log.out_of_range:
        outside[values.item] += values.n
    planned = zip(survey.items, plan_items(survey, config), strict=True)
    items = tuple(_checked(item, plans, survey, coded, outside) for item, plans in planned)
    return Checked(config, survey, items, survey.workload, _unwritable(path, config))


def _unwritable(path: Path, config: ReportConfig) -> str | None:
    """What a run without --output would say of the place of its report."""
    try:
        if config.archive is None:
            names = tuple(FILE_NAMES[name] for name in config.report.formats)
            check_writable(path.with_name(f"{path.stem}-report"), names)
        else:
            check_archive(path.parent / config.archive.folder, config.survey.name, config.survey.wave)
    except OutputError as error:
        return str(error)
    return None


def _checked(
    item: ItemResponses, plans: ItemPlans, survey: Survey, coded: Mapping[str, int], outside: Mapping[str, int]
) -> CheckedItem:
    models, in_the_way = [], []
    for name in MODELS:
        plan: ModelPlan | FailedModel | None = getattr(plans, name)
        if plan is None:
            continue
        reason = _obstacle(plan, len(survey.interviewer_ids))
        if reason is None and isinstance(plan, ModelPlan):
            models.append((name, plan.n_interviews))
        else:
            in_the_way.append((name, reason or ""))
    n_answers = int(survey.answer_counts(item.name).counts.sum())
    n_coded, n_outside = coded[item.name], outside[item.name]
    return CheckedItem(
        name=item.name,
        label=item.label,
        scale=item.scale,
        n_answers=n_answers,
        n_coded=n_coded,
        n_blank=survey.n_interviews - n_answers - n_coded - n_outside,
        n_outside=n_outside,
        models=tuple(models),
        obstacles=tuple(in_the_way),
    )


def _obstacle(plan: ModelPlan | FailedModel, n_interviewers: int) -> str | None:
    """Why a model would not be fitted, or None."""
    if isinstance(plan, FailedModel):
        return plan.reason
    moments = compute_moments([plan.data], n_interviewers, centre_fixed=0 in plan.random)
    return obstacles(moments, plan.random)[0]
