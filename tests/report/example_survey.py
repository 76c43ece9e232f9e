"""A small, seeded survey with effects and flags, for the tests of the report.

The effects are shrunken group means and slopes, computed in a few lines: plausible, of the right shape, and quick.
They are not the fits of `qa_reports.effects`; the report does not care. Interviewer 1003 answers low on the trust
items, interviewer 1007 has one 88 in `trstplc` that nobody declared, interviewer 1012 has too few interviews.
"""

from __future__ import annotations

import datetime
import itertools

import numpy as np
from msgspec import Struct
from scipy import stats

from qa_reports.config import ReportConfig
from qa_reports.effects.categorical_items import (
    Agreement,
    CategoricalFailed,
    CategoricalModel,
    CategoricalResult,
    LogitEffect,
    TailCells,
)
from qa_reports.effects.damage import Consequence, SuspectDamage
from qa_reports.effects.estimate import ItemEffects, ItemNotModelled, VarianceExplained, WithoutFlagged
from qa_reports.effects.flag import ExpectedByChance, Flag, Flags, InterviewerVerdict
from qa_reports.effects.intervals import Interval
from qa_reports.effects.linear import (
    ComponentPrecision,
    FailedModel,
    FixedEffect,
    GroupTest,
    InterviewerEffects,
    MaximumLikelihood,
    ModelName,
    ModelResult,
    ModelTest,
    Referee,
    VarianceComponents,
)
from qa_reports.effects.sensitivity import Sensitivity
from qa_reports.survey.answer_classes import classes_without_codes
from qa_reports.survey.audit import WeightedDescriptives
from qa_reports.survey.clean import (
    CleaningLog,
    Covariate,
    Descriptives,
    DroppedRows,
    InterviewerAudit,
    ItemAudit,
    ItemResponses,
    OutOfRange,
    Recode,
    Survey,
)
from qa_reports.survey.load import FileProvenance, JoinRecord
from qa_reports.survey.suspects import CodeSuspect
from tests.report.example_sensitivity import example_sensitivity

WORKLOADS = (14, 9, 18, 11, 16, 8, 14, 12, 10, 15, 13, 3)
IDS = tuple(str(1001 + position) for position in range(12))
LOW = 2
"""Position of the interviewer whose answers are low."""
FORGOTTEN = 6
"""Position of the interviewer with the 88."""
PRINTED = datetime.date(2026, 3, 1)
VERSIONS = {"qa-report": "0.1.0", "numpy": "2.0.0", "statsmodels": "0.14.4"}


class ExampleReportInput(Struct, frozen=True, eq=False):
    """Everything `summarise` takes."""

    survey: Survey
    items: tuple[ItemEffects | ItemNotModelled, ...]
    damages: tuple[SuspectDamage, ...]
    flags: Flags
    config: ReportConfig
    printed_date: datetime.date
    versions: dict[str, str]
    sensitivity: Sensitivity | None = None


def example_report_input(label: str = "Trust in the police", interviewer: str = IDS[LOW]) -> ExampleReportInput:
    """Build the example; `label` (of trstplc) and `interviewer` (the one with low answers) may be hostile text."""
    ids = tuple(interviewer if position == LOW else given for position, given in enumerate(IDS))
    survey = _survey(label, ids)
    items = _items(survey)
    return ExampleReportInput(
        survey=survey,
        items=items,
        damages=(_damage(survey),),
        flags=_flags(ids),
        config=_config(label),
        printed_date=PRINTED,
        versions=VERSIONS,
        sensitivity=example_sensitivity(label, interviewer),
    )


def _config(label: str) -> ReportConfig:
    return ReportConfig.model_validate(
        {
            "survey": {"name": "Trust Survey", "wave": "Wave 1", "country": "Belgium"},
            "data": {"file": "wave.csv", "respondent": "idno", "interviewer": "intnum"},
            "missing_codes": {77: "Refusal", 88: "Don't know"},
            "interviewers": {"covariates": ["experience"]},
            "respondent_covariates": ["agea"],
            "items": [
                {"name": "trstplc", "label": label, "scale": [0, 10], "missing_codes": {77: "Refusal"}},
                {"name": "pplhlp", "label": "People are helpful", "scale": [0, 10], "slopes": ["trstplc"]},
                {"name": "gincdif", "label": "Reduce income differences", "scale": [1, 5]},
                {"name": "constant", "label": "Always the same", "scale": [0, 10]},
            ],
        }
    )


def _survey(label: str, ids: tuple[str, ...]) -> Survey:
    rng = np.random.default_rng(20260301)
    interviewer = np.repeat(np.arange(12), WORKLOADS)
    n = interviewer.size
    trust = np.clip(np.round(rng.normal(5.9, 2.1, n) + rng.normal(0, 0.4, 12)[interviewer]), 0, 10)
    effect = rng.normal(0, 0.5, 12)
    effect[LOW] = -3.0
    helpful = np.clip(np.round(3.9 + 0.14 * trust + effect[interviewer] + rng.normal(0, 1.5, n)), 0, 10)
    income = np.clip(np.round(rng.normal(2.2, 1.0, n)), 1, 5)
    income[rng.random(n) < 0.05] = np.nan
    suspects = np.full(n, np.nan)
    row = int(np.flatnonzero(interviewer == FORGOTTEN)[4])
    suspects[row], trust[row], helpful[row] = 88.0, np.nan, 0.0
    helpful[rng.random(n) < 0.03] = np.nan
    nothing = np.full(n, np.nan)
    return Survey(
        respondents=tuple(str(number) for number in range(1, n + 1)),
        interviewer=interviewer.astype(np.int64),
        interviewer_ids=ids,
        items=(
            _responses("trstplc", label, ((0.0, "No trust at all"), (10.0, "Complete trust")), trust, suspects),
            _responses("pplhlp", "People are helpful", (), helpful, nothing),
            _responses("gincdif", "Reduce income differences", (), income, nothing, scale=(1.0, 5.0)),
            _responses("constant", "Always the same", (), np.full(n, 4.0), nothing),
        ),
        respondent_covariates=(Covariate("agea", "Age", "numeric", np.round(rng.uniform(18, 90, n)), ()),),
        interviewer_covariates=(
            Covariate("experience", "Years of experience", "numeric", np.arange(12.0), ()),
            Covariate("sex", "Sex", "categorical", np.array([0.0, 1.0] * 5 + [np.nan, 1.0]), ("male", "female")),
        ),
        weight=None,
        area=None,
        teams=tuple("North" if position < 6 else "South" for position in range(12)),
        minutes=None,
        suspects=(
            CodeSuspect(
                item="trstplc",
                value=88.0,
                n=1,
                interviewers=((ids[FORGOTTEN], 1),),
                reason="outside the scale 0 to 10",
                yaml='missing_codes: {77: Refusal, 88: "Don\'t know"}',
            ),
        ),
        log=_log(n, trust, helpful, ids),
        provenance=(FileProvenance("wave.csv", "3f" * 32, n + 2), FileProvenance("interviewers.csv", "a1" * 32, 12)),
    )


def _responses(
    name: str,
    label: str,
    categories: tuple[tuple[float, str], ...],
    answers: np.ndarray,
    suspects: np.ndarray,
    scale: tuple[float, float] = (0.0, 10.0),
) -> ItemResponses:
    classes = classes_without_codes(answers, suspects)
    return ItemResponses(name, label, scale, categories, answers, suspects, classes)


def _log(n: int, trust: np.ndarray, helpful: np.ndarray, ids: tuple[str, ...]) -> CleaningLog:
    return CleaningLog(
        rows_in=n + 2,
        rows_used=n,
        dropped=(DroppedRows("no interviewer id", 2),),
        recoded=(
            Recode("pplhlp", 88.0, "Don't know", 3, ((ids[0], 2), (ids[4], 1))),
            Recode("gincdif", 7.0, "Refusal", 2, ((ids[LOW], 2),)),
        ),
        out_of_range=(OutOfRange("trstplc", 88.0, 1, ((ids[FORGOTTEN], 1),)),),
        descriptives=(
            *_descriptives("trstplc", trust, 88.0),
            *_descriptives("pplhlp", helpful, None),
        ),
        interviewers=tuple(
            InterviewerAudit(name, workload, 3 * workload - 1, 1, 0, int(position == FORGOTTEN))
            for position, (name, workload) in enumerate(zip(ids, WORKLOADS, strict=True))
        ),
        joins=(JoinRecord("interviewers.csv", ("intnum",), n, 0, 1, (), ("999 <b>",)),),
        notes=("Two rows have the same respondent id.",),
        items=(ItemAudit("trstplc", n, n - 8, 0, 7, 1), ItemAudit("pplhlp", n, n - 7, 3, 4, 0)),
    )


def _descriptives(item: str, answers: np.ndarray, stray: float | None) -> tuple[Descriptives, Descriptives]:
    valid = answers[~np.isnan(answers)]
    before = valid if stray is None else np.append(valid, stray)
    first, second = (_describe(item, stage, values) for stage, values in (("before", before), ("after", valid)))
    return first, second


def _describe(item: str, stage: str, values: np.ndarray) -> Descriptives:
    lowest, lower, median, upper, highest = (float(value) for value in np.quantile(values, (0, 0.25, 0.5, 0.75, 1)))
    distinct, counts = np.unique(values, return_counts=True)
    return Descriptives(
        item=item,
        stage="before" if stage == "before" else "after",
        n=values.size,
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)),
        minimum=lowest,
        lower_quartile=lower,
        median=median,
        upper_quartile=upper,
        maximum=highest,
        distribution=tuple((float(value), int(count)) for value, count in zip(distinct, counts, strict=True)),
        weighted=WeightedDescriptives(
            values.size, float(values.mean()) + 0.1, 2.0, lower, median, upper, ((5.0, 1.0),)
        ),
    )


def _items(survey: Survey) -> tuple[ItemEffects | ItemNotModelled, ...]:
    trust, helpful, income, _ = survey.items
    return (
        _item(survey, trust, None),
        _item(survey, helpful, trust),
        _item(survey, income, None),
        ItemNotModelled("constant", "Always the same", "Every interview has the same answer, 4.", survey.n_interviews),
    )


def _item(survey: Survey, item: ItemResponses, predictor: ItemResponses | None) -> ItemEffects:
    null = example_model(survey, item.answers, None, "null")
    intercept = null.variance.intercept or 0.0
    icc = intercept / (intercept + null.variance.residual)
    design_effect = 1 + 12.0 * icc
    return ItemEffects(
        item=item.name,
        label=item.label,
        kind="ordinal" if item.name == "gincdif" else "linear",
        n_interviews=null.n_interviews,
        n_interviewers=null.n_interviewers,
        null=null,
        adjusted=example_model(survey, item.answers, None, "adjusted"),
        slope=None
        if predictor is None
        else example_model(survey, item.answers, predictor.answers, "slope", predictor.name),
        covariates=FailedModel("covariates", "Years of experience is the same for every interviewer."),
        icc=icc,
        design_effect=design_effect,
        effective_n=null.n_interviews / design_effect,
        variance_explained=(
            VarianceExplained("adjusted", "null", "intercept", null.n_interviews, intercept, 0.9 * intercept, 0.1),
        ),
        without_flagged=None
        if item.name == "gincdif"
        else WithoutFlagged((survey.interviewer_ids[LOW],), icc / 3, intercept / 3, null.n_interviews - WORKLOADS[LOW]),
        categorical=example_categories(item, null) if item.name == "gincdif" else None,
    )


def example_categories(item: ItemResponses, null: ModelResult) -> CategoricalResult:
    """An ordinal model beside the linear one: its effects are the linear ones in other units."""
    effects = null.effects
    values = np.unique(item.answers[np.isfinite(item.answers)])
    names = [f"{low:g}|{high:g}" for low, high in itertools.pairwise(values)]
    model = CategoricalModel(
        name="null",
        formula=null.formula,
        status="converged",
        reason=None,
        n_interviews=null.n_interviews,
        n_interviewers=null.n_interviewers,
        n_parameters=len(names) + 1,
        loglik=-200.5,
        thresholds=tuple(LogitEffect(name, k - 1.5, 0.2) for k, name in enumerate(names)),
        fixed_effects=(),
        dropped_terms=(),
        intercept_variance=0.36,
        sd=0.6,
        sd_se=0.2,
        latent_icc=0.36 / (0.36 + np.pi**2 / 3),
        lr_statistic=4.2,
        lr_p=0.02,
        interviewer=effects.interviewer,
        n_by_interviewer=effects.n_interviews,
        mode=effects.eblup[:, 0] / 2,
        conditional_sd=np.full(effects.interviewer.size, 0.4),
        diagnostic_se=np.full(effects.interviewer.size, 0.45),
    )
    z = effects.z[:, 0] * 0.9
    return CategoricalResult(
        kind="ordinal",
        why=f"there are {values.size} different answers",
        values=tuple(values.tolist()),
        null=model,
        adjusted=CategoricalFailed("a covariate separates the answers perfectly: age"),
        icc_interval=Interval(0.0, 0.24),
        tails=TailCells(
            interviewer=effects.interviewer,
            n_interviews=effects.n_interviews,
            deviation=effects.deviation[:, 0],
            deviation_se=effects.deviation_se[:, 0],
            z=z,
            p=2 * stats.norm.sf(np.abs(z)),
        ),
        by_tail=True,
        agreement=Agreement(0.97, 0.9, 0, 0, 0),
    )


def example_model(
    survey: Survey, answers: np.ndarray, predictor: np.ndarray | None, name: ModelName, predictor_name: str = ""
) -> ModelResult:
    """A model-like result: deviations of the interviewers' least-squares lines, shrunk by a fixed factor."""
    usable = ~np.isnan(answers) if predictor is None else ~np.isnan(answers) & ~np.isnan(predictor)
    rows = np.flatnonzero(usable)
    design = np.ones((rows.size, 1)) if predictor is None else np.column_stack([np.ones(rows.size), predictor[rows]])
    fixed, *_ = np.linalg.lstsq(design, answers[rows], rcond=None)
    departures, groups = answers[rows] - design @ fixed, survey.interviewer[rows]
    raw = np.array([np.linalg.lstsq(design[groups == j], departures[groups == j], rcond=None)[0] for j in range(12)])
    eblup = raw * np.array([0.7, 0.4])[: design.shape[1]]
    zero = name == "null" and float(eblup.std()) < 0.25
    if zero:
        eblup = np.zeros_like(eblup)
    residuals = departures - (design * eblup[groups]).sum(axis=1)
    workload = np.bincount(groups, minlength=12)
    terms = ("intercept",) if predictor is None else ("intercept", f"slope:{predictor_name}")
    effects = _effects(raw, eblup, residuals, workload, terms, design.shape[1])
    fixed_effects = tuple(
        FixedEffect(term, float(value), 0.12, 10.4, float(value) / 0.12, 0.0004)
        for term, value in zip(("(Intercept)", predictor_name), fixed, strict=False)
    )
    spread = eblup.std(axis=0) ** 2
    variance = VarianceComponents(
        intercept=float(spread[0]),
        residual=float(residuals.var()),
        slopes=() if predictor is None else ((predictor_name, float(spread[1])),),
        covariances=() if predictor is None else (("intercept", f"slope:{predictor_name}", -0.06),),
    )
    left_in = predictor is not None and float(np.nanmax(predictor)) > 10
    tests: tuple[ModelTest, ...] = (
        ModelTest("intercept", 8.1, 0.0022, "REML likelihood ratio, half chi-square(0) half chi-square(1)"),
    )
    if predictor is not None:
        method = "ML likelihood ratio, half chi-square(1) half chi-square(2)"
        statistic, p = (48.2, 1e-11) if left_in else (5.8, 0.035)
        tests = (*tests, ModelTest(f"slope:{predictor_name}", statistic, p, method))
    return ModelResult(
        name=name,
        status="zero_variance" if zero else "converged",
        reason="Interviewers do not differ more than chance." if zero else None,
        method="REML",
        formula="y ~ 1 + (1 | intnum)"
        if predictor is None
        else f"y ~ {predictor_name} + (1 + {predictor_name} | intnum)",
        n_interviews=rows.size,
        n_interviewers=12,
        n_parameters=3 * design.shape[1],
        loglik=-310.25,
        loglik_ml=-308.75,
        fixed_effects=fixed_effects,
        dropped_terms=(),
        variance=variance,
        tests=tests,
        predictor_sd=np.zeros(1) if predictor is None else np.array([0.0, float(np.nanstd(predictor))]),
        precision=(
            ComponentPrecision("intercept", 0.11, Interval(0.0, 0.9)),
            *(
                ()
                if predictor is None
                else (
                    ComponentPrecision(f"slope:{predictor_name}", None, Interval(0.001, 0.05)),
                    ComponentPrecision(f"intercept,slope:{predictor_name}", 0.021, None),
                    ComponentPrecision(f"correlation:intercept,slope:{predictor_name}", None, Interval(-1.0, 0.4)),
                )
            ),
            ComponentPrecision("residual", 0.2, Interval(2.0, 3.5)),
        ),
        exact_p=0.0031 if name == "null" else None,
        icc_interval=Interval(0.012, 0.31) if predictor is None else None,
        group_tests=(GroupTest("respondent covariates", ("age", "region: South"), 4.2, 96.4, 0.018, 8.3, 0.016),)
        if name == "adjusted"
        else (),
        by_ml=None if predictor is None else MaximumLikelihood(-308.75, fixed_effects, variance, tests),
        referee=Referee(loglik=-310.25, loglik_difference=2e-9, agrees=True, n_interviews=0),
        effects=effects,
        rows=rows,
        interviewer=groups,
        fitted=answers[rows] - residuals,
        residuals=residuals,
    )


def _effects(
    raw: np.ndarray,
    eblup: np.ndarray,
    residuals: np.ndarray,
    workload: np.ndarray,
    terms: tuple[str, ...],
    n_fixed: int,
) -> InterviewerEffects:
    sd = np.sqrt(residuals.var() / workload)[:, None] * np.array([1.0, 0.15])[: len(terms)]
    zero = not eblup.any()
    z = raw / sd / 1.5
    return InterviewerEffects(
        interviewer=np.arange(12),
        n_interviews=workload,
        terms=terms,
        eblup=eblup,
        conditional_sd=np.zeros_like(sd) if zero else sd,
        diagnostic_se=np.zeros_like(sd) if zero else np.sqrt(eblup.std(axis=0) ** 2 + sd**2),
        deviation=raw,
        deviation_se=1.5 * sd,
        z=z,
        p=np.exp(-0.5 * z**2),
        reliability=np.zeros_like(sd) if zero else np.full_like(sd, 0.62),
        expected_rank=1.0 + np.argsort(np.argsort(eblup, axis=0), axis=0),
        detectable=4.13 * 1.5 * sd,
        variance_ratio=np.full_like(sd, np.nan) if zero else 1 - 0.1 * np.abs(z) / np.abs(z).max(),
        cooks_distance=0.02 * np.abs(z[:, 0]),
        covariance_ratio=np.full(12, 1.04),
        residual_ratio=np.full(12, 0.97),
        fixed_change=np.outer(np.linspace(-0.02, 0.03, 12), np.ones(n_fixed)),
    )


def _damage(survey: Survey) -> SuspectDamage:
    trust, helpful, *_ = survey.items
    delivered = np.where(np.isnan(trust.suspects), trust.answers, trust.suspects)
    left_in = Consequence(147, 5.7, 0.386, (survey.interviewer_ids[LOW], survey.interviewer_ids[FORGOTTEN]))
    return SuspectDamage(
        item="trstplc",
        value=88.0,
        set_aside=Consequence(146, 5.1, 0.021, (survey.interviewer_ids[LOW],)),
        left_in=left_in,
        all_left_in=left_in,
        with_suspect=(
            example_model(survey, delivered, None, "null"),
            example_model(survey, helpful.answers, delivered, "slope", "trstplc"),
        ),
        without_suspect=(
            example_model(survey, trust.answers, None, "null"),
            example_model(survey, helpful.answers, trust.answers, "slope", "trstplc"),
        ),
        outcome=("trstplc", "pplhlp"),
    )


def _flags(ids: tuple[str, ...]) -> Flags:
    return Flags(
        flags=(
            Flag(
                interviewer=ids[LOW],
                severity="critical",
                kind="level",
                items=("pplhlp", "trstplc"),
                estimate=-3.1,
                unit="scale points",
                z=-4.6,
                p=4e-6,
                q=0.0001,
                sentence=f"18 interviews; on 2 items {ids[LOW]} is 3.1 scale points below colleagues.",
                pattern="one_battery",
            ),
            Flag(
                interviewer=ids[FORGOTTEN],
                severity="data_preparation",
                kind="missing_code",
                items=("trstplc",),
                estimate=1.0,
                unit="answers",
                z=5.2,
                p=None,
                q=None,
                sentence="1 answer 88 in trstplc is probably a missing code that was not declared.",
                pattern="data_preparation",
            ),
        ),
        interviewers=tuple(
            InterviewerVerdict(
                interviewer=name,
                team="North" if position < 6 else "South",
                n_interviews=workload,
                severity="critical" if position == LOW else "none",
                too_few=workload < 5,
                combined_p=None if workload < 5 else 0.0001 if position == LOW else 0.4,
            )
            for position, (name, workload) in enumerate(zip(ids, WORKLOADS, strict=True))
        ),
        expected_by_chance=ExpectedByChance(0.5, 0.1, "Half a normal interviewer per clean wave, by the threshold."),
    )
