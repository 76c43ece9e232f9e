"""`qa-report init`: what it finds in survey files, and that what it writes runs unchanged."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pyreadstat
import pytest
import yaml

from qa_reports.cli import main
from qa_reports.config import ReportConfig, config_schema, load_config
from qa_reports.config.yaml_file import read_yaml
from qa_reports.starting.begin import begin_config
from qa_reports.starting.check import check_config
from qa_reports.starting.opened import Wishes
from tests.starting.labelled_wave import LANGUAGES, labelled_table, write_labelled_wave

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("QA_SHARED_DATA", ROOT.parent / "shared" / "data"))
needs_real_surveys = pytest.mark.skipif(not SHARED.is_dir(), reason="the real surveys are not here")

NO_WISHES = Wishes()


def begun(survey_file: Path, folder: Path, wishes: Wishes = NO_WISHES) -> ReportConfig:
    """Write a configuration into a folder and load it, as a user would."""
    config = begin_config(survey_file, folder / "first.yaml", wishes, overwrite=False).config
    return load_config(config)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("user_missing", [False, True])
def test_labels_in_four_languages(language: str, user_missing: bool, tmp_path: Path) -> None:
    write_labelled_wave(tmp_path / "wave.sav", LANGUAGES[language], user_missing=user_missing)
    config = begun(tmp_path / "wave.sav", tmp_path)
    data = config.data
    assert (data.respondent, data.interviewer, data.weight, data.area) == ("V1", ("V9",), "V12", "V14")
    assert data.duration is not None
    assert data.duration.minutes == "V13"
    assert [item.name for item in config.items] == ["V2A", "V2B", "V2C", "V2D", "V3"]
    assert [item.scale for item in config.items] == [(0, 10)] * 4 + [(1, 5)]
    (battery,) = config.batteries
    assert battery.items == ("V2A", "V2B", "V2C", "V2D")
    assert battery.name.casefold().split()[0] in LANGUAGES[language].trust.casefold()
    assert [covariate.name for covariate in config.respondent_covariates] == ["V6", "V7", "V8"]
    assert config.respondent_covariates[0].missing_codes == {999: "Don't know"}
    assert [covariate.name for covariate in config.interviewers.covariates] == ["V10", "V11"]
    if user_missing:
        assert config.missing_codes == {}
        assert all(item.missing_codes is None for item in config.items)
    else:
        assert config.missing_codes == {77: "Refusal", 88: "Don't know", 99: "No answer"}
        assert config.items[4].missing_codes == {7: "Refusal", 8: "Don't know", 9: "No answer"}


def test_the_next_command_can_be_pasted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_labelled_wave(tmp_path / "wave.sav", LANGUAGES["French"])
    config = tmp_path / "first wave.yaml"
    assert main(["init", str(tmp_path / "wave.sav"), "--output", str(config)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == f"next: qa-report check '{config}'"
    assert "#   qa-report check 'first wave.yaml'   says" in config.read_text(encoding="utf-8")


def test_what_is_written_passes_check_and_runs_unchanged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_labelled_wave(tmp_path / "wave.sav", LANGUAGES["French"])
    assert main(["init", str(tmp_path / "wave.sav")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'wave.yaml'}: 5 of 5 questions, 1 grid, 3 missing codes; V9: 20 interviewers with 15 interviews "
        "each",
        f"next: qa-report check {tmp_path / 'wave.yaml'}",
    ]
    assert main(["check", str(tmp_path / "wave.yaml")]) == 0
    assert "would run: 5 of 5 items, 300 interviews by 20 interviewers" in capsys.readouterr().out
    assert main([str(tmp_path / "wave.yaml"), "--formats", "json", "--quiet"]) == 0
    results = json.loads((tmp_path / "wave-report" / "results.json").read_text(encoding="utf-8"))
    assert [item["status"] for item in results["items"]] != []
    assert {record["code"] for record in results["cleaning"]["recoded"]} >= {77, 88, 8, 999}


def test_every_guess_says_why(tmp_path: Path) -> None:
    write_labelled_wave(tmp_path / "wave.sav", LANGUAGES["English"])
    begun(tmp_path / "wave.sav", tmp_path)
    text = (tmp_path / "first.yaml").read_text(encoding="utf-8")
    for line in (
        '  interviewer: V9                   # "Interviewer\'s number"; 20 interviewers with 15 interviews each',
        '  respondent: V1                    # "Respondent number"; another one in every interview',
        "  - {name: V2A, label: Trust in the institution A, scale: [0, 10]}",
        "  # team: COLUMN   no column found for who supervises whom, to sort the call list by team",
        "  # Columns that are left out: 2 with yes or no, or unordered answers; 1 with text, times or empty.",
    ):
        assert line in text.splitlines(), text
    assert max(len(line) for line in text.splitlines()) <= 120


def test_a_configuration_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_labelled_wave(tmp_path / "wave.sav", LANGUAGES["English"])
    config = tmp_path / "wave.yaml"
    config.write_text("mine", encoding="utf-8")
    assert main(["init", str(tmp_path / "wave.sav")]) == 2
    assert capsys.readouterr().err == (
        f"{config}: exists already; name another file with --output, or overwrite it with --force\n"
    )
    assert config.read_text(encoding="utf-8") == "mine"
    assert main(["init", str(tmp_path / "wave.sav"), "--force"]) == 0
    assert load_config(config).data.file == ("wave.sav",)


def test_the_file_is_named_from_where_the_configuration_stands(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "configs").mkdir()
    write_labelled_wave(tmp_path / "data" / "wave.sav", LANGUAGES["English"])
    assert begun(tmp_path / "data" / "wave.sav", tmp_path / "configs").data.file == ("../data/wave.sav",)


def test_the_number_of_items_is_a_wish(tmp_path: Path) -> None:
    write_labelled_wave(tmp_path / "wave.sav", LANGUAGES["English"])
    config = begun(tmp_path / "wave.sav", tmp_path, Wishes(most_items=1))
    assert [item.name for item in config.items] == ["V2A"]
    text = (tmp_path / "first.yaml").read_text(encoding="utf-8")
    further = text.replace("  # - ", "  - ").replace("# batteries:", "batteries:")
    (tmp_path / "more.yaml").write_text(further, encoding="utf-8")
    more = load_config(tmp_path / "more.yaml")
    assert {item.name for item in more.items} == {"V2A", "V2B", "V2C", "V2D", "V3"}
    assert len(more.batteries) == 1


def test_no_interviewer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labelled_table().to_csv(tmp_path / "wave.csv", index=False)
    assert main(["init", str(tmp_path / "wave.csv")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("wave.csv: no column says by its name or label who did the interviews; name it with")
    assert "V9" in error
    assert main(["init", str(tmp_path / "wave.csv"), "--interviewer", "V99"]) == 2
    assert 'has no column "V99" (--interviewer); did you mean "V9"?' in capsys.readouterr().err
    assert main(["init", str(tmp_path / "wave.csv"), "--interviewer", "V9"]) == 0
    assert load_config(tmp_path / "wave.yaml").data.interviewer == ("V9",)
    assert "named by --interviewer" in (tmp_path / "wave.yaml").read_text(encoding="utf-8")


def test_labels_are_untrusted_text(tmp_path: Path) -> None:
    table = labelled_table().rename(columns={"V2B": "no", "V2C": "yes"})
    nasty = {
        "V2A": 'Trust: "all" # {or} [none] \\ ?',
        "no": "Trust: - & * ! | > ' % @ `",
        "yes": "Trust\x1b[31m\x85\u2028 <script>alert(1)</script>",
        "V9": "Interviewer's number\n- injected: true",
    }
    answers = {value: str(value) for value in range(11)} | {
        0: "# none: [",
        10: "{all}",
        88: "Don't know: #1",
        77: "Ref",
    }
    pyreadstat.write_sav(
        table, str(tmp_path / "wave.sav"), column_labels=nasty,
        variable_value_labels=dict.fromkeys(("V2A", "no", "yes", "V2D"), answers),
    )  # fmt: skip
    config = begun(tmp_path / "wave.sav", tmp_path)
    labels = {item.name: item.label for item in config.items}
    assert labels["V2A"] == nasty["V2A"]
    assert labels["no"] == nasty["no"]
    assert labels["yes"] is not None
    assert "<script>" in labels["yes"]
    assert "\n- injected" not in (tmp_path / "first.yaml").read_text(encoding="utf-8")


def test_without_any_label_usual_codes_are_assumed_and_said(tmp_path: Path) -> None:
    config = begun(ROOT / "configs" / "example_wave.csv", tmp_path)
    assert config.missing_codes == {77: "Refusal", 88: "Don't know", 99: "No answer"}
    (group,) = config.missing_code_groups
    assert group.items == ("gincdif", "freehms", "imsmetn")
    assert group.missing_codes == {7: "Refusal", 8: "Don't know", 9: "No answer"}
    text = (tmp_path / "first.yaml").read_text(encoding="utf-8")
    assert "the usual meanings are" in text
    assert (config.data.team, config.data.area, config.data.weight) == ("region", "area", "weight")
    assert len(config.items) == 22


def test_the_schema_stands_beside_it_and_accepts_it(tmp_path: Path) -> None:
    write_labelled_wave(tmp_path / "wave.sav", LANGUAGES["English"])
    begun(tmp_path / "wave.sav", tmp_path)
    text = (tmp_path / "first.yaml").read_text(encoding="utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named is not None
    schema = json.loads((tmp_path / named.group(1)).read_text(encoding="utf-8"))
    assert schema == config_schema()
    value = json.loads(json.dumps(read_yaml(tmp_path / "first.yaml").value))  # keys become text, as editors see them
    jsonschema.Draft202012Validator(schema).validate(value)
    assert yaml.safe_load(text)["survey"] == {"name": "wave"}


@pytest.mark.parametrize("kind", ["dta", "csv"])
def test_other_formats(kind: str, tmp_path: Path) -> None:
    write_labelled_wave(tmp_path / "wave.sav", LANGUAGES["German"])
    table, metadata = pyreadstat.read_sav(str(tmp_path / "wave.sav"))
    path = tmp_path / f"other.{kind}"
    if kind == "csv":
        table.rename(columns={"V9": "interviewer_id"}).to_csv(path, index=False)
    else:
        pyreadstat.write_dta(
            table, str(path), column_labels=metadata.column_names_to_labels,
            variable_value_labels=metadata.variable_value_labels,
        )  # fmt: skip
    config = begun(path, tmp_path)
    assert len(config.data.interviewer) == 1
    assert {"V2A", "V2B", "V2C", "V2D", "V3"} <= {item.name for item in config.items}
    assert config.missing_codes == {77: "Refusal", 88: "Don't know", 99: "No answer"}


def test_the_interviewer_may_stand_in_a_file_beside(tmp_path: Path) -> None:
    table = labelled_table()
    table.drop(columns=["V9"]).to_csv(tmp_path / "main.csv", index=False)
    who = pd.DataFrame({"V1": table["V1"], "intnum": table["V9"]}).sample(frac=1, random_state=1)
    who.to_csv(tmp_path / "who.csv", index=False)
    config = begun(tmp_path / "main.csv", tmp_path)
    (join,) = config.data.join
    assert (join.file, join.on, config.data.interviewer) == ("who.csv", ("V1",), ("intnum",))


def test_what_stands_beside_the_interviewer_is_offered_and_not_begun_with(tmp_path: Path) -> None:
    """How the respondent took part is what interviewers say: of course they differ."""
    table = labelled_table()
    table.drop(columns=["V9"]).to_csv(tmp_path / "main.csv", index=False)
    who = pd.DataFrame({"V1": table["V1"], "intnum": table["V9"], "coop": table["V2A"], "clear": table["V2B"]})
    who.to_csv(tmp_path / "who.csv", index=False)
    config = begun(tmp_path / "main.csv", tmp_path)
    assert {"coop", "clear"}.isdisjoint(item.name for item in config.items)
    written = (tmp_path / "first.yaml").read_text(encoding="utf-8")
    assert "# - {name: coop, " in written
    assert "from who.csv: perhaps what interviewers say of the interview" in " ".join(written.replace("#", "").split())


@needs_real_surveys
@pytest.mark.parametrize(
    ("wave", "trust", "codes"),
    [
        (5, ("Q59A", "Q59L"), {-1: "Missing", 9: "Don't know", 998: "Refusal"}),
        (6, ("Q52A", "Q52L"), {-1: "Missing", 9: "Don't know", 98: "Refusal"}),
        (7, ("Q43A", "Q43K"), {-1: "Missing", 8: "Refusal", 9: "Don't know"}),
    ],
)
def test_afrobarometer(wave: int, trust: tuple[str, str], codes: dict[int, str], tmp_path: Path) -> None:
    config = begun(SHARED / "afrobarometer_tunisia" / f"tun_r{wave}.sav", tmp_path)
    assert config.data.interviewer == ("Q112",)
    assert (config.data.respondent, config.data.weight, config.data.area) == ("RESPNO", "withinwt", "REGION")
    assert config.missing_codes == codes
    grid = next(battery for battery in config.batteries if battery.items[0] == trust[0])
    assert grid.items[-1] == trust[1]
    assert grid.name.startswith("Trust")
    assert [covariate.name for covariate in config.respondent_covariates] == ["Q1", "Q101", "Q97"]
    assert [covariate.name for covariate in config.interviewers.covariates] == ["Q113", "Q114"]
    assert {item.scale for item in config.items if item.name in grid.items} == {(0, 3)}


@needs_real_surveys
def test_ess_with_its_codebook(tmp_path: Path) -> None:
    folder = SHARED / "ess11_ch"
    config = begun(folder / "ess11_ch_main.csv", tmp_path)
    data = config.data
    assert data.codebook is not None
    assert Path(data.codebook).name == "codebook.csv"
    assert (data.respondent, data.interviewer, data.weight) == ("idno", ("intnum",), "pspwght")
    assert [(Path(join.file).name, join.on) for join in data.join] == [("ess11_ch_interviewer.csv", ("idno",))]
    assert [covariate.name for covariate in config.interviewers.covariates] == ["intagea", "intgndr"]
    scales = {item.name: item.scale for item in config.items}
    assert scales["likrisk"] == (0, 6)
    assert scales["iphlppla"] == (1, 6)
    assert {"trstprl", "trstlgl", "eqwrkbg", "wsekpwr"} <= set(scales)
    checked = check_config(tmp_path / "first.yaml")
    assert checked.n_modelled == len(checked.items)
    assert not checked.survey.suspects


SISTERS = {
    "doctor": {1: "Yes, once", 2: "Yes, more than once", 3: "No", 4: "Have never visited a doctor"},
    "work": {1: "Yes, once", 2: "Yes, more than once", 3: "No", 4: "Have never had a job"},
    "police": {1: "Yes, once", 2: "Yes, more than once", 3: "No", 4: "No contact with the police"},
    "service": {1: "Very bad", 2: "Bad", 3: "Good", 4: "Very good", 5: "Have never been there"},
    "often": {1: "Have never done so", 2: "Seldom", 3: "Sometimes", 4: "Often"},
    # In a language whose words nobody has listed, one of two sisters says it in words that are known.
    "first": {1: "Very bad", 2: "Bad", 3: "Good", 4: "Not tried: no contact"},
    "second": {1: "Very bad", 2: "Bad", 3: "Good", 4: "Not tried: moved house"},
    "third": {1: "Very bad", 2: "Bad", 3: "Good", 4: "Excellent service"},
}


def test_sister_questions_are_treated_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    n = 300
    table = pd.DataFrame({"id": np.arange(n, dtype=float), "interviewer": np.arange(n) % 20 + 101.0})
    for name, labels in SISTERS.items():
        table[name] = rng.choice([float(value) for value in labels], n)
    pyreadstat.write_sav(
        table, str(tmp_path / "wave.sav"), variable_value_labels={k: dict(v) for k, v in SISTERS.items()}
    )
    config = begun(tmp_path / "wave.sav", tmp_path)
    scales = {item.name: item.scale for item in config.items}
    assert scales == {
        "doctor": (1, 3), "work": (1, 3), "police": (1, 3), "service": (1, 4), "often": (1, 4),
        "first": (1, 3), "second": (1, 3), "third": (1, 4),
    }  # fmt: skip
    codes = {item.name: dict(item.missing_codes or {}) for item in config.items}
    assert codes["doctor"] == {4: "Have never visited a doctor"}
    assert codes["second"] == {4: "Not tried: moved house"}
