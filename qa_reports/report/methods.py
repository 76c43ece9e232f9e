"""The methods section: how the numbers were made, in sentences that carry this survey's own figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qa_reports.config import ReportConfig
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.flag import ExpectedByChance
from qa_reports.report.formats import count_of, integer, listing, percent
from qa_reports.survey.clean import Survey
from qa_reports.survey.load import FileProvenance

GLOSSARY = (
    (
        "Interviewer effect",
        "How much answers to an item depend on who asked. Ordinary interviewers differ a little, by chance.",
    ),
    (
        "Interviewer ICC",
        "Intraclass correlation: the share of an item's variation that lies between interviewers. Near 0 is good; "
        "0.02 is common, "
        "above 0.10 is a lot. It is the intercept variance divided by the sum of intercept and residual variance.",
    ),
    (
        "Design effect",
        "How many times larger the variance of a mean is because answers of one interviewer resemble each other: "
        "1 + (m - 1) ICC, with m the workload that counts larger workloads more (Kish 1962).",
    ),
    (
        "Effective interviews",
        "Interviews divided by the design effect: how many independent interviews the mean of the item is worth. It "
        "takes account "
        "of interviewers only, not of weights or areas.",
    ),
    (
        "EBLUP",
        "Empirical best linear unbiased prediction: the model's best guess of an interviewer's effect, pulled towards "
        "zero the more, "
        "the fewer interviews there are.",
    ),
    (
        "Conditional standard deviation",
        "How uncertain an interviewer's effect is, given the answers; the 95% intervals in the effect plots use it.",
    ),
    (
        "Diagnostic standard error",
        "How much EBLUPs vary between ordinary interviewers; the QQ plots divide by it.",
    ),
    (
        "Deletion z",
        "How far an interviewer is from what the model says when it is fitted without them, in standard errors. Flags "
        "rest on it, because "
        "an unusual interviewer otherwise inflates the variation they are judged by.",
    ),
    (
        "Flag",
        "A reason to call: a difference that chance alone would hardly make. It is not a finding about a person; "
        "areas, respondents "
        "and devices differ, too.",
    ),
    ("Random slope", "A model in which interviewers may differ in how strongly one item goes with another."),
    (
        "Variance explained",
        "By how much a variance component falls when covariates are added, on the same interviews. It may be negative.",
    ),
    (
        "False discovery rate",
        "The share of ordinary interviewers to be expected among those flagged (Benjamini and Hochberg 1995).",
    ),
    (
        "Zero variance",
        "A normal result: interviewers differ no more than chance would make them, and the best estimate of the "
        "variance is 0.",
    ),
    (
        "Singular",
        "A model in which interviewers' levels and slopes are perfectly tied, or one of several variances is 0; read "
        "it with care.",
    ),
    (
        "Referee",
        "statsmodels computes the log-likelihood of every model at our estimates; a difference above one in a million "
        "is a failed check.",
    ),
)


@dataclass(frozen=True, slots=True)
class Methods:
    """How the numbers were made, with the survey's own figures in the sentences."""

    paragraphs: tuple[str, ...]
    glossary: tuple[tuple[str, str], ...]
    """(term, explanation)."""
    versions: tuple[tuple[str, str], ...]
    files: tuple[FileProvenance, ...]


def describe_methods(
    survey: Survey,
    modelled: tuple[ItemEffects, ...],
    config: ReportConfig,
    chance: ExpectedByChance,
    versions: Mapping[str, str],
) -> Methods:
    """Write the methods section of this survey."""
    return Methods(
        paragraphs=(_sample(survey, modelled), _models(survey, config), _judging(config, chance), _checking()),
        glossary=GLOSSARY,
        versions=tuple(versions.items()),
        files=survey.provenance,
    )


def _sample(survey: Survey, modelled: tuple[ItemEffects, ...]) -> str:
    n, n_interviewers = survey.n_interviews, len(survey.interviewer_ids)
    mean = n / n_interviewers if n_interviewers else 0.0
    return (
        f"The analysis uses {count_of(n, 'interview')} by {count_of(n_interviewers, 'interviewer')} "
        f"({integer(mean)} interviews each on average) and {count_of(len(modelled), 'item')}. Declared missing codes "
        "and values outside "
        "a declared scale are set aside; every model uses the interviews that are complete for it, unweighted, "
        "because the question is "
        "what happened in the interviews."
    )


def _models(survey: Survey, config: ReportConfig) -> str:
    respondent = [covariate.label for covariate in survey.respondent_covariates]
    interviewer = [covariate.label for covariate in survey.interviewer_covariates]
    slopes = [f"{item.name} on {listing(item.slopes)}" for item in config.items if item.slopes]
    sentences = [
        "Every item has a linear mixed model with a random intercept per interviewer, fitted by restricted maximum "
        "likelihood "
        "(REML), with the likelihood profiled over the fixed effects and the residual variance (Bates, Mächler, "
        "Bolker and Walker 2015)."
    ]
    if respondent:
        sentences.append(f"The adjusted model adds the respondents' {listing(respondent)}.")
    if interviewer:
        sentences.append(
            f"The covariates model adds the interviewers' {listing(interviewer)}; what they explain is the fall of "
            "the variance "
            "component on the same interviews."
        )
    if slopes:
        sentences.append(
            f"Random slopes, reported by maximum likelihood, were asked for {listing(slopes)}; the intercept variance "
            "of such a "
            "model is the one where the predictor is 0."
        )
    sentences.append(
        "Variances are tested by likelihood ratio with the mixture of chi-square distributions that a variance at its "
        "bound of zero "
        "calls for (Self and Liang 1987; Stram and Lee 1994)."
    )
    return " ".join(sentences)


def _judging(config: ReportConfig, chance: ExpectedByChance) -> str:
    return (
        "Interviewers are judged by deletion residuals: the model is fitted without the interviewer, and their "
        "answers are compared "
        "with what it says, allowing for the uncertainty of the fit, from the models with respondent covariates but "
        "without interviewer "
        f"covariates. The false discovery rate is {percent(config.flags.false_discovery_rate)}; interviewers with "
        "fewer than "
        f"{count_of(config.flags.min_interviews, 'interview')} are not judged. {chance.method}"
    )


def _checking() -> str:
    return (
        "The log-likelihood of every fitted model is computed a second time by statsmodels at our estimates; the "
        "differences stand in the "
        "table below. Linear models treat answers as numbers with equal steps. Where interviewers worked in different "
        "areas, the "
        "effects of area and interviewer cannot be told apart."
    )
