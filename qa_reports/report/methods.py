"""The methods section: how the numbers were made, in sentences that carry this survey's own figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct

from qa_reports.config import ReportConfig
from qa_reports.effects.categorical_items import CategoricalResult
from qa_reports.effects.categorical_search import NODES
from qa_reports.effects.estimate import ItemEffects
from qa_reports.effects.few import FEWEST_JUDGED
from qa_reports.effects.flag import Flags
from qa_reports.effects.linear import FailedModel, ModelResult
from qa_reports.effects.rlrt import SIMULATIONS
from qa_reports.effects.rules import EXPECTED_WARNINGS, MINIMUM_SIZE, NAMED_BESIDE
from qa_reports.effects.sensitivity import Sensitivity
from qa_reports.report.formats import (
    count_of,
    expected,
    integer,
    listing,
    percent,
    percent_interval,
    points,
    ratio,
    scientific,
)
from qa_reports.report.glossary import GLOSSARY
from qa_reports.report.sensitivity import methods_sentence
from qa_reports.survey.clean import Survey
from qa_reports.survey.load import FileProvenance


class Methods(Struct, frozen=True):
    """How the numbers were made, with the survey's own figures in the sentences."""

    paragraphs: tuple[str, ...]
    """Together a methods section, ready to paste into a quality report."""
    glossary: tuple[tuple[str, str], ...]
    """(term, explanation)."""
    versions: tuple[tuple[str, str], ...]
    files: tuple[FileProvenance, ...]


def describe_methods(
    survey: Survey,
    modelled: tuple[ItemEffects, ...],
    config: ReportConfig,
    flags: Flags,
    versions: Mapping[str, str],
    sensitivity: Sensitivity | None = None,
) -> Methods:
    """Write the methods section of this survey. No interviewer is named in it."""
    fits = [model for item in modelled for model in _models_of(item) if isinstance(model, ModelResult)]
    failed = sum(isinstance(model, FailedModel) for item in modelled for model in _models_of(item))
    paragraphs = (
        _sample(survey, modelled),
        _models(survey, config),
        _fitting(fits, failed),
        _inference(fits),
        _categorical(modelled),
        _findings(modelled),
        _judging(survey, config, flags),
        methods_sentence(sensitivity),
        _limits(),
        _software(versions),
    )
    return Methods(
        paragraphs=tuple(paragraph for paragraph in paragraphs if paragraph),
        glossary=GLOSSARY,
        versions=tuple(versions.items()),
        files=survey.provenance,
    )


def _models_of(item: ItemEffects) -> tuple[ModelResult | FailedModel, ...]:
    models = (item.null, item.adjusted, item.slope, item.covariates)
    return tuple(model for model in models if model is not None)


def _sample(survey: Survey, modelled: tuple[ItemEffects, ...]) -> str:
    workload = survey.workload
    fewest, most = (int(workload.min()), int(workload.max())) if workload.size else (0, 0)
    spread = (
        f"{integer(most)} each"
        if fewest == most
        else f"{integer(fewest)} to {integer(most)} each, {points(float(workload.mean()))} on average"
    )
    return (
        f"The analysis uses {count_of(survey.n_interviews, 'interview')} by "
        f"{count_of(len(survey.interviewer_ids), 'interviewer')} ({spread}) and {count_of(len(modelled), 'item')}. "
        "Declared missing codes and values outside a declared scale are set aside; every model uses the interviews "
        "that are complete for it, unweighted, because the question is what happened in the interviews."
    )


def _models(survey: Survey, config: ReportConfig) -> str:
    respondent = [covariate.label for covariate in survey.respondent_covariates]
    interviewer = [covariate.label for covariate in survey.interviewer_covariates]
    slopes = [f"{item.name} on {listing(item.slopes)}" for item in config.items if item.slopes]
    sentences = ["Every item has a linear mixed model with a random intercept per interviewer (null model)."]
    if respondent:
        sentences.append(f"The adjusted model adds the respondents' {listing(respondent)}.")
    if interviewer:
        sentences.append(
            f"The covariates model adds the interviewers' {listing(interviewer)}; what they explain is the fall of the "
            "variance component on the same interviews."
        )
    if slopes:
        sentences.append(
            f"Random slopes over interviewers were asked for {listing(slopes)}; they are correlated with each other "
            "and with the random intercepts beside them, and reported by restricted and by full maximum likelihood. "
            "The intercept variance of such a model is the one where the predictor is 0."
        )
    alone = [item.name for item in config.items if item.slopes and not item.random_intercept]
    if alone:
        sentences.append(f"Models of {listing(alone)} with random slopes have no random intercept.")
    references = [
        f"{covariate.levels[0]} ({covariate.label})"
        for covariate in (*survey.respondent_covariates, *survey.interviewer_covariates)
        if covariate.kind == "categorical" and covariate.levels
    ]
    if references:
        sentences.append(f"Reference categories are {listing(references)}.")
    return " ".join(sentences)


def _fitting(fits: list[ModelResult], failed: int) -> str:
    if not fits:
        return ""
    zero = sum(fit.status == "zero_variance" for fit in fits)
    singular = sum(fit.status == "singular" for fit in fits)
    agreeing = sum(fit.referee.agrees for fit in fits)
    largest = max(abs(fit.referee.loglik_difference) for fit in fits)
    bounds = [
        *([f"{integer(zero)} with an interviewer variance of 0"] if zero else []),
        *([f"{integer(singular)} at another bound"] if singular else []),
    ]
    unfitted = f"; {count_of(failed, 'model')} could not be estimated" if failed else ""
    return (
        "Models were fitted by restricted maximum likelihood (REML), with the likelihood profiled over the fixed "
        "effects and the residual variance (Bates, Mächler, Bolker and Walker 2015). "
        f"{count_of(len(fits), 'model')} {'was' if len(fits) == 1 else 'were'} fitted"
        f"{f', {listing(bounds)}' if bounds else ''}{unfitted}. statsmodels computed the log-likelihood of every "
        f"fitted model again at these estimates and agreed on {integer(agreeing)} of {integer(len(fits))} (largest "
        f"difference {scientific(largest)}){_on_a_sample(fits)}."
    )


def _on_a_sample(fits: list[ModelResult]) -> str:
    """How many interviews statsmodels was asked about, where these are not all."""
    sampled = [fit.referee.n_interviews for fit in fits if 0 < fit.referee.n_interviews < fit.n_interviews]
    if not sampled:
        return ""
    n = integer(max(sampled))
    return f", both log-likelihoods being those of up to {n} evenly spread interviews"


def _categorical(modelled: tuple[ItemEffects, ...]) -> str:
    found = [(item, item.categorical) for item in modelled if isinstance(item.categorical, CategoricalResult)]
    if not found:
        return ""
    by_kind = {kind: [item.item for item, _ in found if item.kind == kind] for kind in ("binary", "ordinal")}
    tails = [item.item for item, result in found if result.by_tail]
    beside = [item.item for item, _ in found if item.kind == "linear"]
    fitted = (
        ("Logistic random-intercept models were fitted for", by_kind["binary"]),
        ("Cumulative-logit random-intercept models were fitted for", by_kind["ordinal"]),
        ("Cumulative-logit models were fitted beside the linear ones for", beside),
    )
    sentences = [
        *(f"{words} {listing(names)}." for words, names in fitted if names),
        "They are maximum-likelihood fits by adaptive Gauss-Hermite quadrature with "
        f"{integer(NODES)} nodes (Pinheiro and Bates 1995); their latent ICCs, var(u)/(var(u) + \u03c0\u00b2/3), are "
        "on a scale of their own, and every ICC that is compared between items is that of the linear model.",
    ]
    if tails:
        sentences.append(
            f"On {listing(tails)} interviewers were judged by the mid-p tail of their total in its predictive "
            "distribution under the model fitted without them."
        )
    return " ".join(sentences)


def _inference(fits: list[ModelResult]) -> str:
    sentences = [
        "Intervals of variance components and of the intraclass correlation (ICC) are 95% profile-likelihood "
        "intervals; standard errors of variances come from the observed information.",
        "Variances are tested by likelihood ratio with the mixture of chi-square distributions that a variance at its "
        "bound of zero calls for (Self and Liang 1987; Stram and Lee 1994), and the intercept variances of the null "
        f"models also by the exact restricted likelihood-ratio test with {integer(SIMULATIONS)} simulated values "
        "(Crainiceanu and Ruppert 2004).",
        "Fixed effects have t tests and intervals with Satterthwaite degrees of freedom (Kuznetsova, Brockhoff and "
        "Christensen 2017).",
    ]
    if any(fit.group_tests for fit in fits):
        sentences.append(
            "Covariates were tested together by Wald F tests (Fai and Cornelius 1996) and by likelihood ratio between "
            "maximum-likelihood fits."
        )
    return " ".join(sentences)


def _findings(modelled: tuple[ItemEffects, ...]) -> str:
    if not modelled:
        return ""
    ordered = sorted(modelled, key=lambda item: item.icc)
    lowest, highest = ordered[0], ordered[-1]
    exact = [item.null.exact_p for item in modelled if item.null.exact_p is not None]
    sentences = [
        "No item has an interviewer variance above 0, so every interviewer ICC is 0%; the widest 95% interval is that "
        f"of {_icc_words(max(modelled, key=_upper))}."
        if highest.icc == 0
        else f"Interviewer ICCs range from {_icc_words(lowest)} to {_icc_words(highest)}, with a median of "
        f"{percent(float(np.median([item.icc for item in modelled])))}."
        if len(modelled) > 1
        else f"The interviewer ICC is {_icc_words(lowest)}."
    ]
    if exact:
        significant = sum(p < 0.05 for p in exact)
        sentences.append(
            f"The exact test finds an interviewer variance at the 5% level for {integer(significant)} of "
            f"{count_of(len(exact), 'item')}, item by item."
        )
    share = float(np.median([item.effective_n / item.n_interviews for item in modelled]))
    sentences.append(
        f"For the mean of a typical item, interviews are worth {percent(share)} of their number (design effect of "
        "interviewers, Kish 1962)."
    )
    return " ".join(sentences)


def _upper(item: ItemEffects) -> float:
    return item.icc if item.null.icc_interval is None else item.null.icc_interval.upper


def _icc_words(item: ItemEffects) -> str:
    interval = item.null.icc_interval
    within = "" if interval is None else f"; 95% interval {percent_interval(interval)}"
    return f"{percent(item.icc)} ({item.label}{within})"


def _judging(survey: Survey, config: ReportConfig, flags: Flags) -> str:
    too_few = sum(verdict.too_few for verdict in flags.interviewers)
    covariates = (
        "from the models with respondent covariates but without interviewer covariates"
        if survey.respondent_covariates
        else "from the models without interviewer covariates"
    )
    return (
        "Interviewers are judged by deletion residuals: the model is fitted without the interviewer, and their answers "
        f"are compared with what it says, allowing for the uncertainty of the fit, {covariates}. A level is flagged as "
        f"critical when the evidence {_together(config)}, or on a single item, has a false discovery rate "
        f"(Benjamini and Hochberg 1995) below {percent(config.flags.false_discovery_rate)}, and as a warning when the "
        f"combined p is below {points(EXPECTED_WARNINGS)} divided by the number of interviewers judged; a slope when "
        f"its own false discovery rate is below {percent(config.flags.false_discovery_rate)}. How much an "
        "interviewer's interviews vary is compared by a location-scale model (Brunton-Smith, Sturgis and Leckie 2017) "
        "of the variance about their own mean, over all items and item by item, and counts as further evidence; levels "
        "are judged by the interviewer's own variance, shrunk (Smyth 2004). A deviation in level or slope must also "
        f"measure at least {ratio(MINIMUM_SIZE)} residual standard deviations (a slope's over two standard deviations "
        f"of its predictor) and, where several items together are the evidence, |z| must exceed {points(NAMED_BESIDE)} "
        "on an item. Interviewers with fewer than "
        f"{count_of(config.flags.min_interviews, 'interview')} are not judged "
        f"({integer(too_few) if too_few else 'none'} here). {_calls(flags)}"
    )


def _together(config: ReportConfig) -> str:
    if not config.batteries:
        return "over all items together"
    return "over all items together or those of one battery, whichever is the more remarkable"


def _calls(flags: Flags) -> str:
    """How many interviewers are worth a call, and how many chance would make so."""
    judged = [verdict for verdict in flags.interviewers if verdict.combined_p is not None]
    if len(judged) < FEWEST_JUDGED:
        return "Too few interviewers have enough interviews to compare anybody with."
    chance = flags.expected_by_chance
    severities = [verdict.severity for verdict in flags.interviewers if verdict.severity != "none"]
    found = (
        f"{count_of(len(severities), 'interviewer')} {'is' if len(severities) == 1 else 'are'} worth a call, "
        f"{integer(severities.count('critical'))} of them critical"
        if severities
        else "No interviewer is worth a call"
    )
    return (
        f"{found}; by chance alone {expected(chance.interviewers)} would be expected ({chance.method.rstrip('.')}). "
        "How many normal interviewers are flagged in simulated surveys, and how many planted ones are found, stands in "
        "docs/simulations-flags.md of this program."
    )


def _limits() -> str:
    return (
        "Linear models treat answers as numbers with equal steps. Where interviewers worked in different areas, the "
        "effects of area and interviewer cannot be told apart without areas in the model. A flag is a reason to call, "
        "not a finding about a person."
    )


def _software(versions: Mapping[str, str]) -> str:
    return f"Software: {listing([f'{name} {version}' for name, version in versions.items()])}."
