"""Sheets of `results.xlsx` on the models: one row per model, and one per fixed effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa_reports.report.sheets import Column, Record, key_value


def model_rows(items: Sequence[Record]) -> Iterator[Record]:
    """One record per model of every item, also of those that failed."""
    for item, name, model in _models(items):
        fitted = model["status"] != "failed"
        variance = model["variance_components"] if fitted else None
        limits = (model["icc_interval"] if fitted else None) or (None, None)
        yield {
            "item": item["item"],
            "model": name,
            "status": model["status"],
            "reason": model["reason"],
            **{key: model[key] if fitted else None for key in _PLAIN},
            "intercept": variance["intercept"] if variance else None,
            "residual": variance["residual"] if variance else None,
            "slopes": _listed(variance["slopes"] if variance else {}),
            "correlations": _listed(variance["correlations"] if variance else {}),
            "icc_from": limits[0],
            "icc_to": limits[1],
            "tests": "; ".join(
                f"{test['name']}: {test['statistic']:.2f}, p {test['p']:.4g}"
                for test in (model["tests"] if fitted else ())
                if test["statistic"] is not None and test["p"] is not None
            ),
            "difference": model["referee"]["loglik_difference"] if fitted else None,
        }


def fixed_effect_rows(items: Sequence[Record]) -> Iterator[Record]:
    """One record per fixed effect of every fitted model."""
    for item, name, model in _models(items):
        for effect in model["fixed_effects"] if model["status"] != "failed" else ():
            low, high = effect["interval"] or (None, None)
            yield {"item": item["item"], "model": name, "low": low, "high": high, **effect}


def _models(items: Sequence[Record]) -> Iterator[tuple[Record, str, Record]]:
    for item in items:
        for name, model in (item["models"] or {}).items():
            if model is not None:
                yield item, name, model


def _listed(values: Record) -> str:
    return "; ".join(f"{name}: {value:.4g}" for name, value in values.items() if value is not None)


_PLAIN = ("formula", "method", "n_interviews", "n_interviewers", "n_parameters", "loglik", "aic", "bic", "exact_p")
MODELS = (
    Column("item", "text", 14, key_value("item")),
    Column("model", "text", 11, key_value("model")),
    Column("status", "text", 15, key_value("status")),
    Column("formula", "text", 40, key_value("formula")),
    Column("method", "text", 9, key_value("method")),
    Column("interviews", "count", 11, key_value("n_interviews")),
    Column("interviewers", "count", 12, key_value("n_interviewers")),
    Column("parameters", "count", 11, key_value("n_parameters")),
    Column("log-likelihood", "estimate", 14, key_value("loglik")),
    Column("AIC", "estimate", 12, key_value("aic")),
    Column("BIC", "estimate", 12, key_value("bic")),
    Column("intercept variance", "estimate", 17, key_value("intercept")),
    Column("residual variance", "estimate", 17, key_value("residual")),
    Column("slope variances", "text", 24, key_value("slopes")),
    Column("correlations", "text", 30, key_value("correlations")),
    Column("ICC from", "share", 9, key_value("icc_from")),
    Column("ICC to", "share", 9, key_value("icc_to")),
    Column("likelihood-ratio tests of variances", "text", 40, key_value("tests")),
    Column("exact p", "p", 10, key_value("exact_p")),
    Column("log-likelihood minus referee's", "code", 28, key_value("difference")),
    Column("reason", "text", 60, key_value("reason")),
)
FIXED_EFFECTS = (
    Column("item", "text", 14, key_value("item")),
    Column("model", "text", 11, key_value("model")),
    Column("term", "text", 30, key_value("term")),
    Column("estimate", "estimate", 11, key_value("estimate")),
    Column("standard error", "estimate", 14, key_value("se")),
    Column("from", "estimate", 10, key_value("low")),
    Column("to", "estimate", 10, key_value("high")),
    Column("df", "estimate", 10, key_value("df")),
    Column("t", "estimate", 10, key_value("statistic")),
    Column("p", "p", 10, key_value("p")),
)
DOUBTS = (
    Column("item", "text", 14, key_value("item")),
    Column("model", "text", 14, key_value("model")),
    Column("kind", "text", 16, key_value("kind")),
    Column("why", "text", 60, key_value("reason")),
)
