"""Real surveys, against counts that are known from elsewhere; skipped where the data are absent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa_reports.config import ReportConfig
from qa_reports.survey.clean import Survey, clean_survey
from qa_reports.survey.load import load_survey

TRUST = ["trstprl", "trstlgl", "trstplc", "trstplt", "trstprt", "imbgeco"]
ITEMS: list[dict[str, Any]] = [
    *({"name": name, "scale": [0, 10]} for name in TRUST),
    {"name": "gincdif", "scale": [1, 5], "missing_codes": {7: "Refusal", 8: "Don't know", 9: "No answer"}},
    {"name": "iphlppla"},
]
INTERVIEWERS = [
    {"name": "intagea", "missing_codes": {999: "Not available"}},
    {"name": "intgndr", "type": "categorical", "missing_codes": {9: "No answer"}},
]


@pytest.fixture
def ess(shared_data: Path, configure: Callable[..., ReportConfig]) -> Callable[[str], Survey]:
    def run(country: str) -> Survey:
        folder = shared_data / f"ess11_{country}"
        config = configure(
            {
                "file": f"ess11_{country}_main.csv",
                "join": [{"file": f"ess11_{country}_interviewer.csv", "on": ["cntry", "idno"]}],
                "respondent": "idno",
                "interviewer": "intnum",
                "weight": "pspwght",
                "area": "psu",
                "where": f"cntry == '{country.upper()}'",
            },
            missing_codes={77: "Refusal", 88: "Don't know", 99: "No answer"},
            interviewers={"covariates": INTERVIEWERS},
            respondent_covariates=[{"name": "agea", "missing_codes": {999: "Not available"}}],
            items=ITEMS,
        )
        return clean_survey(load_survey(config, folder), config)

    return run


def valid(survey: Survey) -> dict[str, int]:
    return {item.name: int((~np.isnan(item.answers)).sum()) for item in survey.items}


def test_ess_switzerland(ess: Callable[[str], Survey]) -> None:
    survey = ess("ch")
    assert (survey.n_interviews, len(survey.interviewer_ids), survey.log.dropped) == (1384, 75, ())
    counts = valid(survey)
    # The numbers of answers lme4 was given.
    assert {name: counts[name] for name in ("trstprl", "trstplc", "imbgeco", "gincdif")} == {
        "trstprl": 1326,
        "trstplc": 1378,
        "imbgeco": 1366,
        "gincdif": 1356,
    }
    assert {"2883", "2994", "2137", "3359"} <= set(survey.interviewer_ids)
    assert [(suspect.item, suspect.value, suspect.n) for suspect in survey.suspects] == [("iphlppla", 66.0, 5)]
    assert survey.log.joins[0].unmatched == 0
    age = survey.respondent_covariates[0].values
    assert 77 in age
    assert 88 in age
    assert np.nanmax(age) < 999


def test_ess_germany(ess: Callable[[str], Survey]) -> None:
    survey = ess("de")
    assert (survey.n_interviews, len(survey.interviewer_ids)) == (2420, 148)
    assert [(suspect.item, suspect.value, suspect.n) for suspect in survey.suspects] == [("iphlppla", 66.0, 15)]
    assert [covariate.levels for covariate in survey.interviewer_covariates] == [(), ("1", "2")]


def test_afrobarometer_tunisia(shared_data: Path, configure: Callable[..., ReportConfig]) -> None:
    police = {"name": "Q52H", "scale": [0, 3], "missing_codes": {98: "Refused"}}
    config = configure(
        {"file": "tun_r6.sav", "interviewer": "Q112", "respondent": "RESPNO", "team": "REGION"},
        interviewers={"covariates": [{"name": "Q113", "missing_codes": {-1: "Missing"}}]},
        items=[police],
    )
    survey = clean_survey(load_survey(config, shared_data / "afrobarometer_tunisia"), config)
    assert (survey.n_interviews, len(survey.interviewer_ids), survey.interviewer_ids[0]) == (1200, 25, "TUN01")
    trust = survey.items[0]
    assert trust.label == "Q52h. Trust police"
    assert trust.categories == ((0.0, "Not at all"), (1.0, "Just a little"), (2.0, "Somewhat"), (3.0, "A lot"))
    assert [(suspect.value, suspect.set_aside) for suspect in survey.suspects] == [(9.0, True)]
    assert survey.suspects[0].yaml == "missing_codes: {98: Refused, 9: Don't know/ Have not heard enough}"
    assert survey.teams is not None
    assert "Tunis" in survey.teams
