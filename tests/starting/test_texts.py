"""`init` and questions whose answers stand as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qa_reports.cli import main

GRADES = ["Strongly disagree", "Disagree", "Neither", "Agree", "Strongly agree"]


def survey(numbers: bool) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 240
    table = pd.DataFrame(
        {
            "case": np.arange(n),
            "interviewer_id": 1 + np.arange(n) % 12,
            "police": rng.choice([*GRADES, "Don't know"], n),
            "courts": rng.choice(["1 - never", "2 - sometimes", "10 - always"], n),
            "town": rng.choice(["Northam", "Sudbury", "Eastleigh", "Westbury"], n),
            "gender": rng.choice(["female", "male", "other"], n),
            "comment": [f"remark {k}" for k in range(n)],
        }
    )
    if numbers:
        table["fair"] = rng.integers(0, 11, n)
    return table


def test_they_are_offered_with_what_has_to_be_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    survey(numbers=True).to_csv(tmp_path / "wave.csv", index=False)
    config = tmp_path / "wave.yaml"
    assert main(["init", str(tmp_path / "wave.csv")]) == 0
    written = config.read_text(encoding="utf-8")
    assert (
        "  # - name: police\n"
        "  #   categories: [Agree, Disagree, Neither, Strongly agree, Strongly disagree]\n"
        "  #   missing_codes: {Don't know: Don't know}\n"
        '  # - {name: courts, categories: ["1 - never", "2 - sometimes", "10 - always"]}\n'
    ) in written
    assert "name: town" not in written
    # Their order given and the "#" taken away, both are examined.
    ordered = written.replace("Agree, Disagree, Neither, Strongly agree, Strongly disagree", ", ".join(GRADES))
    for line in ("- name: police", "  categories: [Str", "  missing_codes: {Don", "- {name: courts"):
        ordered = ordered.replace(f"  # {line}", f"  {line}", 1)
    config.write_text(ordered, encoding="utf-8")
    capsys.readouterr()
    assert main(["check", str(config)]) == 0
    assert "would run: 3 of 3 items" in capsys.readouterr().out


def test_where_all_answers_are_text_the_message_begins_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    survey(numbers=False).to_csv(tmp_path / "wave.csv", index=False)
    assert main(["init", str(tmp_path / "wave.csv")]) == 2
    assert capsys.readouterr().err == (
        "wave.csv: no column looks like a question on a scale; police (of 2 such columns) has answers as text: write a "
        "configuration by hand with them in their order, the lowest first, as items: [{name: police, categories: "
        "[Agree, Disagree, Neither, Strongly agree, Strongly disagree]}]\n"
    )
