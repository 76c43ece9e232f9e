"""The forgotten codes of a real survey: what they are, what they do, and the line that declares them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from qa_reports.config import ReportConfig
from qa_reports.effects.damage import measure_damages
from qa_reports.survey.clean import clean_survey
from qa_reports.survey.load import load_survey

ICC_WITH, ICC_WITHOUT = 0.386, 0.021
"""Interviewer ICC of iphlppla with its codes left in, and without: lme4, random intercept, REML, three decimals."""
THREE_DECIMALS = 5e-4


@pytest.mark.parametrize("scale", [[1, 6], None])
def test_germany_with_the_codes_of_iphlppla_undeclared(
    shared_data: Path, configure: Callable[..., ReportConfig], scale: list[int] | None
) -> None:
    item = {"name": "iphlppla", "missing_codes": {}, **({} if scale is None else {"scale": scale})}
    config = configure(
        {
            "file": "ess11_de_main.csv",
            "join": [{"file": "ess11_de_interviewer.csv", "on": ["cntry", "idno"]}],
            "interviewer": "intnum",
        },
        missing_codes={77: "Refusal", 88: "Don't know", 99: "No answer"},
        items=[item],
    )
    survey = clean_survey(load_survey(config, shared_data / "ess11_de"), config)
    assert [(suspect.value, suspect.n) for suspect in survey.suspects] == [(66, 15), (77, 4), (88, 12), (99, 2)]
    assert {suspect.set_aside for suspect in survey.suspects} == {scale is not None}
    pasted = yaml.safe_load(survey.suspects[0].yaml)
    assert pasted == {"missing_codes": {66: "Missing", 77: "Refusal", 88: "Don't know", 99: "No answer"}}
    damages = measure_damages(survey, config)
    assert damages[0].all_left_in.icc == pytest.approx(ICC_WITH, abs=THREE_DECIMALS)
    assert all(damage.set_aside.icc == pytest.approx(ICC_WITHOUT, abs=THREE_DECIMALS) for damage in damages)
    vanishing = set(damages[0].all_left_in.standing_out) - set(damages[0].set_aside.standing_out)
    assert vanishing
    assert vanishing <= {name for suspect in survey.suspects for name, _ in suspect.interviewers}
