"""docs/methods.md: the tests it rests on exist, its links lead somewhere, and its keys stand in the results."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from qa_reports.report.results import results_schema

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))))
def test_the_tests_it_names_exist(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", PAGE))))
def test_links_lead_somewhere(target: str) -> None:
    if target.startswith("#"):
        headings = re.findall(r"^#+ (.*)$", PAGE, flags=re.MULTILINE)
        assert target[1:] in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    else:
        assert (ROOT / "docs" / target).is_file()


def test_every_key_of_models_and_effects_is_explained() -> None:
    schema = results_schema()
    model = schema["$defs"]["model"]["anyOf"][0]["properties"]  # type: ignore[index]
    effects = schema["properties"]["effects"]["items"]["properties"]  # type: ignore[index]
    bookkeeping = {"method", "formula", "loglik", "variance_components", "item", "model", "interviewer", "term"}
    unexplained = {key for key in {*model, *effects} - bookkeeping if not re.search(rf"\b{key}\b", PAGE)}
    assert unexplained == set(), json.dumps(sorted(unexplained))
