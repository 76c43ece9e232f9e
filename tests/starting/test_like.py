"""`qa-report init --like`: an earlier wave's configuration for a new file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from qa_reports.cli import main
from qa_reports.config import load_config
from qa_reports.errors import UserError
from qa_reports.starting.begin import Begun, begin_config
from qa_reports.starting.check import check_config
from qa_reports.starting.opened import Wishes
from tests.small_wave import SmallWave

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "configs" / "example.yaml"
WAVE_2 = Wishes(wave="Wave 2")


def like(survey_file: Path, earlier: Path, wishes: Wishes = WAVE_2) -> Begun:
    return begin_config(survey_file, survey_file.with_suffix(".yaml"), wishes, overwrite=True, like=earlier)


def write_wave(path: Path, table: pd.DataFrame, labels: Mapping[str, str]) -> Path:
    pyreadstat.write_sav(table, str(path), column_labels=dict(labels))
    return path


def test_the_example_with_other_names_and_the_same_labels(tmp_path: Path) -> None:
    earlier = load_config(EXAMPLE)
    names = {item.name: f"Q{place}" for place, item in enumerate(earlier.items, start=10)}
    labels = {names[item.name]: f"{names[item.name]}. {item.label}" for item in earlier.items}
    table = pd.read_csv(ROOT / "configs" / "example_wave.csv").rename(columns=names)
    begun = like(write_wave(tmp_path / "wave6.sav", table, labels), EXAMPLE, Wishes(wave="Round 6"))
    now = load_config(begun.config)
    assert (
        f"{len(names)} of {len(names)} items of {EXAMPLE} are found again ({len(names)} by their labels)"
        in (begun.words[0])
    )
    assert len(begun.words) == 1
    assert now.survey == earlier.survey.model_copy(update={"wave": "Round 6"})
    for then, item in zip(earlier.items, now.items, strict=True):
        slopes = tuple(names[slope] for slope in then.slopes)
        assert item == then.model_copy(update={"name": names[then.name], "key": then.name, "slopes": slopes})
    assert [battery.items for battery in now.batteries] == [
        tuple(names[name] for name in battery.items) for battery in earlier.batteries
    ]
    assert now.data.model_copy(update={"file": earlier.data.file}) == earlier.data
    assert now.interviewers.covariates == earlier.interviewers.covariates
    assert now.respondent_covariates == earlier.respondent_covariates
    assert (now.missing_codes, now.flags, now.report) == (earlier.missing_codes, earlier.flags, earlier.report)
    assert check_config(begun.config).n_modelled == len(names)


def test_waves_compare(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    extra = "archive: {folder: archive}\nreport: {formats: [json]}\n"
    small_wave.replace("items:", f"{extra}items:")
    small_wave.replace("{name: help,", "{name: help, label: Are people helpful,")
    assert main([str(small_wave.config), "--quiet"]) == 0
    table = pd.read_csv(small_wave.survey_file)[["idno", "intnum", "trust", "help"]]
    table = table.rename(columns={"trust": "Q7", "help": "trust", "intnum": "int_no"})
    labels = {"Q7": "Q7. Trust in others", "trust": "Q8. Are people helpful", "int_no": "Interviewer's number"}
    begun = like(write_wave(small_wave.folder / "wave2.sav", table, labels), small_wave.config)
    items = load_config(begun.config).items
    assert [(item.name, item.key) for item in items] == [("Q7", "trust"), ("trust", "help")]
    assert main(["check", str(begun.config)]) == 0
    assert main([str(begun.config), "--quiet"]) == 0
    capsys.readouterr()
    (results,) = (small_wave.folder / "archive" / "Small wave" / "Wave 2").glob("*/results.json")
    waves = json.loads(results.read_text(encoding="utf-8"))["waves"]
    assert {item["item"]: item["icc_change"]["difference"] for item in waves["items"]} == {"Q7": 0.0, "trust": 0.0}


def test_what_is_not_found_is_said_and_why(small_wave: SmallWave) -> None:
    small_wave.replace(
        "items:",
        "respondent_covariates: [age]\nbatteries: [{name: Both, items: [trust, help]}]\nmissing_code_groups:\n"
        "  - {items: [help], missing_codes: {99: No answer}}\nitems:",
    )
    small_wave.replace("{name: help,", "{name: help, label: Are people helpful,")
    table = pd.read_csv(small_wave.survey_file).assign(age=40.0, weight=1.0)
    table.to_csv(small_wave.survey_file, index=False)
    small_wave.replace("interviewer: intnum", "interviewer: intnum, weight: weight, where: weight == 1")
    new = table[["idno", "intnum"]].assign(trust=table["help"], near=table["trust"], other=table["help"])
    labels = {
        "trust": "Satisfaction with life",
        "near": "Q1. How much trust in others",
        "other": "ARE PEOPLE  HELPFUL?",
    }
    begun = like(write_wave(small_wave.folder / "wave2.sav", new, labels), small_wave.config)
    config = load_config(begun.config)
    assert [(item.name, item.key) for item in config.items] == [("other", "help")]
    assert [group.items for group in config.missing_code_groups] == [("other",)]
    assert (config.batteries, config.respondent_covariates, config.data.weight, config.data.where) == (
        (),
        (),
        None,
        None,
    )
    said = " ".join(begun.words)
    assert (
        'trust "Trust in others" (trust now is "Satisfaction with life"; perhaps near "How much trust in others")'
        in (said)
    )
    assert "respondent covariate age (neither its name nor its label is there)" in said
    assert "battery Both (1 of its 2 items found again)" in said
    assert "data.weight (weight is not found)" in said
    assert "data.where (weight == 1) (weight is not found)" in said
    text = " ".join(begun.config.read_text(encoding="utf-8").replace("#", " ").split())
    assert 'trust "Trust in others": trust now is "Satisfaction with life"; perhaps near' in text
    assert check_config(begun.config).would_run


def test_a_key_and_a_name_that_another_question_has_now(small_wave: SmallWave) -> None:
    small_wave.replace("{name: help,", "{name: help, key: helpful, label: Are people helpful,")
    table = pd.read_csv(small_wave.survey_file)[["idno", "intnum", "trust", "help"]]
    table = table.rename(columns={"help": "helpful"}).assign(help=table["trust"])
    labels = {"trust": "Do you trust others, in general", "help": "Satisfaction with life"}
    begun = like(write_wave(small_wave.folder / "wave2.sav", table, labels), small_wave.config)
    items = {item.name: item.key for item in load_config(begun.config).items}
    assert items == {"trust": None, "helpful": None}
    assert "(1 by their names, 1 by their keys)" in begun.words[0]
    text = begun.config.read_text(encoding="utf-8")
    assert 'found by its name, now labelled "Do you trust others, in general"' in text
    assert "called by its key" in text


def test_of_two_columns_with_one_label_none_is_taken(small_wave: SmallWave) -> None:
    table = pd.read_csv(small_wave.survey_file)[["idno", "intnum", "trust", "help"]]
    table = table.rename(columns={"trust": "a"}).assign(b=table["trust"])
    labels = {"a": "Trust in others", "b": "Trust in others"}
    begun = like(write_wave(small_wave.folder / "wave2.sav", table, labels), small_wave.config)
    assert 'trust "Trust in others" (its label stands at a, b' in begun.words[1]


def test_paths_start_at_the_new_folder(small_wave: SmallWave, tmp_path: Path) -> None:
    interviewers = small_wave.folder / "interviewers.csv"
    interviewers.write_text("intnum,years\n" + "".join(f"{n},{n % 7}\n" for n in range(101, 113)), encoding="utf-8")
    small_wave.replace(
        "items:",
        "interviewers: {file: interviewers.csv, covariates: [years, gone]}\n"
        "archive: {folder: archive, earlier_waves: [Pilot]}\nitems:",
    )
    folder = tmp_path / "later"
    folder.mkdir()
    shutil.copy(small_wave.survey_file, folder / "wave2.csv")
    begun = like(folder / "wave2.csv", small_wave.config)
    config = load_config(begun.config)
    assert config.interviewers.file is not None
    assert (folder / config.interviewers.file).resolve() == interviewers.resolve()
    assert [covariate.name for covariate in config.interviewers.covariates] == ["years"]
    assert config.archive is not None
    assert (folder / config.archive.folder).resolve() == (small_wave.folder / "archive").resolve()
    assert config.archive.earlier_waves == ("Pilot", "1")
    assert check_config(begun.config).would_run
    assert "interviewer covariate gone (neither its name nor its label is there)" in " ".join(begun.words)


def test_the_wave_is_to_be_written_where_nobody_knows_it(small_wave: SmallWave) -> None:
    shutil.copy(small_wave.survey_file, small_wave.folder / "wave2.csv")
    begun = like(small_wave.folder / "wave2.csv", small_wave.config, Wishes())
    assert load_config(begun.config).survey.wave is None
    assert begun.words[-1] == "survey.wave: write the name of this wave (the earlier one is 1)"


def test_without_the_earlier_file_labels_of_the_configuration_do(small_wave: SmallWave) -> None:
    table = pd.read_csv(small_wave.survey_file)[["idno", "intnum", "trust", "help"]].rename(columns={"trust": "Q7"})
    file = write_wave(small_wave.folder / "wave2.sav", table, {"Q7": "Trust in others"})
    small_wave.survey_file.unlink()
    begun = like(file, small_wave.config)
    assert [(item.name, item.key) for item in load_config(begun.config).items] == [("Q7", "trust"), ("help", None)]
    assert begun.words[1].startswith("labels of the earlier files are not known: wave.csv: there is no such file")


def test_a_file_of_another_survey(small_wave: SmallWave) -> None:
    table = pd.read_csv(small_wave.survey_file)[["idno", "intnum"]].assign(x=1.0)
    file = write_wave(small_wave.folder / "wave2.sav", table, {})
    with pytest.raises(UserError, match=r"none of the 2 items of .*wave\.yaml is in it \(trust"):
        like(file, small_wave.config)
    assert not (small_wave.folder / "wave2.yaml").exists()


def test_the_command(small_wave: SmallWave, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(small_wave.survey_file, small_wave.folder / "wave2.csv")
    command = ["init", str(small_wave.folder / "wave2.csv"), "--like", str(small_wave.config), "--wave", "2"]
    assert main(command) == 0
    config = small_wave.folder / "wave2.yaml"
    assert capsys.readouterr().out.splitlines() == [
        f"{config}: 2 of 2 items of {small_wave.config} are found again (2 by their names)",
        f"next: qa-report check {config}",
    ]
    assert main(["check", str(config)]) == 0
    capsys.readouterr()
    small_wave.replace("scale: [0, 10]}", "scael: [0, 10]}")
    assert main([*command, "--force"]) == 2
    assert "wave.yaml:5: items.trust.scael" in capsys.readouterr().err


def test_nobody_is_mailed_before_somebody_has_looked(small_wave: SmallWave) -> None:
    email = 'email: {from: qa@agency.example, to: ["field@agency.example"], smtp: {host: mail.agency.example}}'
    small_wave.replace("items:", f"archive: {{folder: archive}}\n{email}\nitems:")
    shutil.copy(small_wave.survey_file, small_wave.folder / "wave2.csv")
    config = like(small_wave.folder / "wave2.csv", small_wave.config).config
    assert load_config(config).email is None
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("# email:", "email:"), encoding="utf-8")
    assert load_config(config).email == load_config(small_wave.config).email
