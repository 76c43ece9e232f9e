"""The configuration file: what it may say, and exactly what is answered when it says something else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from qa_reports.config import ReportConfig, config_schema, load_config
from qa_reports.config.reference import reference_page
from qa_reports.config.yaml_file import read_yaml
from qa_reports.errors import ConfigError

ROOT = Path(__file__).parent.parent
SHIPPED = sorted((ROOT / "configs").glob("*.yaml"))

MINIMAL = """\
survey: {name: A survey}
data:
  file: wave.csv
  interviewer: intnum
items:
  - {name: trstplc, scale: [0, 10]}
  - {name: pplhlp, scale: [0, 10]}
"""

WHOLE = """\
survey: {name: European Social Survey, wave: "Round 11", country: Switzerland}
data:
  file: ess11_ch_main.csv
  join: [{file: ess11_ch_interviewer.csv, on: [cntry, idno]}]
  respondent: idno
  interviewer: intnum
  weight: pspwght
  area: psu
  team: region
  duration: {start: inwds, end: inwde}
  where: "cntry == 'CH'"
missing_codes: {77: Refusal, 88: Don't know, 99: No answer}
interviewers:
  file: interviewers.csv
  covariates: [resp_rate, {name: intagea, missing_codes: {999: Not available}}, intgndr]
respondent_covariates:
  - {name: agea, missing_codes: {999: Not available}}
  - {name: gndr, type: categorical, missing_codes: {9: No answer}}
  - {name: eduyrs, missing_codes: {77: Refusal, 88: Don't know, 99: No answer}}
items:
  - {name: trstplc, label: Trust in the police, scale: [0, 10]}
  - {name: pplhlp, scale: [0, 10], slopes: [trstplc]}
  - {name: gincdif, scale: [1, 5], missing_codes: {7: Refusal, 8: Don't know, 9: No answer}, model: ordinal}
batteries: [{name: Trust, items: [trstplc, pplhlp]}]
flags: {false_discovery_rate: 0.05, min_interviews: 5}
report: {formats: [html, pdf, json, xlsx], pseudonyms: false, language: en}
"""


def load(folder: Path, text: str) -> ReportConfig:
    path = folder / "wave.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def complaint(folder: Path, text: str) -> str:
    """The message about a configuration, without the folder."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


def test_every_option_is_read(tmp_path: Path) -> None:
    config = load(tmp_path, WHOLE)
    assert config.data.interviewer == ("intnum",)
    assert config.data.join[0].on == ("cntry", "idno")
    assert config.missing_codes == {77.0: "Refusal", 88.0: "Don't know", 99.0: "No answer"}
    assert [covariate.name for covariate in config.interviewers.covariates] == ["resp_rate", "intagea", "intgndr"]
    assert config.items[0].missing_codes is None
    assert config.items[1].slopes == ("trstplc",)
    assert config.report.formats == ("html", "pdf", "json", "xlsx")


def test_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    assert config.flags.false_discovery_rate == 0.05
    assert config.flags.min_interviews == 5
    assert config.report.formats == ("html", "pdf", "json", "xlsx")
    assert config.items[0].random_intercept is True


def test_short_forms(tmp_path: Path) -> None:
    text = MINIMAL.replace("interviewer: intnum", "interviewer: [cntry, intnum]").replace(
        "A survey}", "A survey, wave: 11}"
    )
    config = load(tmp_path, text + "  - trstlgl\nmissing_codes: [77, R]\n")
    assert config.data.interviewer == ("cntry", "intnum")
    assert config.survey.wave == "11"
    assert config.items[2].name == "trstlgl"
    assert config.missing_codes == {77.0: "Missing", "R": "Missing"}
    config = load(tmp_path, text + '  - trstlgl\nmissing_codes: {"77": Refusal, R: Code 7, "90..99": 9, 55: 6}\n')
    assert config.missing_codes == {"77": "Refusal", "R": "Code 7", "90..99": "9", 55.0: "6"}


def test_a_loaded_configuration_cannot_be_changed(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    with pytest.raises(ValueError, match="frozen"):
        config.survey = config.survey  # type: ignore[misc]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2026-03-01", "2026-03-01"),
        ("1_000", "1_000"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("true", True),
        ("False", False),
        ("~", None),
        ("'1'", "1"),
        ("!!str 1", "1"),
    ],
)
def test_scalars_are_read_by_yaml_1_2(tmp_path: Path, scalar: str, value: object) -> None:
    path = tmp_path / "scalar.yaml"
    path.write_text(f"on: {scalar}\n", encoding="utf-8")
    read = read_yaml(path).value
    assert isinstance(read, dict)
    assert read == {"on": value}
    assert type(read["on"]) is type(value)


BROKEN_YAML = {
    "a: {b: [c], d: e [f]}": "wave.yaml:1: column 4: is not valid YAML: a mapping is not closed; check its commas and "
    "its '}', and put text with : [ or { in quotes",
    "a: [1\nb: 2": "wave.yaml:1: column 4: is not valid YAML: a list is not closed; check its commas and its ']'",
    "a: 1\nb: 'x\nc: 2": "wave.yaml:2: column 4: is not valid YAML: a quotation mark is not closed; close it",
    "a: b: c": "wave.yaml:1: column 5: is not valid YAML: "
    "a second ': ' in one line; put the text in quotes or correct the indentation",
    "a: 1\n\tb: 2": "wave.yaml:2: column 1: is not valid YAML: "
    "a tab stands where YAML wants spaces; indent with spaces",
    "a: @x": "wave.yaml:1: column 4: is not valid YAML: "
    "a value begins with a character that YAML keeps for itself; put it in quotes",
    "a: *x": "wave.yaml:1: column 4: is not valid YAML: '*' refers to nothing; put the text in quotes",
    "a: 1\n---\nb: 2": "wave.yaml:2: column 1: is not valid YAML: "
    "a second document begins here; keep one and delete the line '---'",
    "[" * 60: "wave.yaml:1: column 61: is not valid YAML: more than 50 levels of nesting; a configuration needs five",
    "a: 1\nb: 2\na: 3": "wave.yaml:3: a: stands twice, first on line 1; keep one",
    "{88: a, 88.0: b}": "wave.yaml:1: 88.0: stands twice, first on line 1; keep one",
    "a: !!python/object/apply:os.getcwd []": "wave.yaml:1: "
    "the tag tag:yaml.org,2002:python/object/apply:os.getcwd is not allowed here; leave it out",
    "? [a]\n: 1": "wave.yaml:1: a key is a list or a mapping; a key is one word or number",
    "a: &x [*x]": "wave.yaml:1: aliases ('*name') stand for far too many values; write the values out",
    "# nothing\n": "wave.yaml:1: the file is empty; a configuration has survey, data and items",
    "a: 1\nb: \x07": "wave.yaml:2: holds the control character U+0007; delete it",
    "just a sentence": "wave.yaml:1: is not a configuration; it has keys such as survey, data and items",
}


@pytest.mark.parametrize(("text", "message"), BROKEN_YAML.items())
def test_broken_yaml(tmp_path: Path, text: str, message: str) -> None:
    assert complaint(tmp_path, text) == message


def test_aliases_of_aliases_are_refused_quickly(tmp_path: Path) -> None:
    lines = ["a0: &a0 [" + ", ".join("x" * 10) + "]"]
    lines += [f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 10) + "]" for level in range(1, 10)]
    message = "aliases ('*name') stand for far too many values; write the values out"
    assert complaint(tmp_path, "\n".join(lines)).endswith(message)


def test_files_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "wave.yaml"
    with pytest.raises(ConfigError, match=r"wave\.yaml: there is no such file; give the path of a configuration$"):
        load_config(path)
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\); give the path of a YAML file$"):
        load_config(tmp_path)
    path.write_bytes("survey:\n  name: Enquête\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"wave\.yaml:2: is not UTF-8 text; save the file as UTF-8$"):
        load_config(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="larger than 1,000,000 bytes; give a configuration, not a data file"):
        load_config(path)


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    path = tmp_path / "wave.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load_config(path).survey.name == "A survey"


WRONG_VALUES = [
    ("items:", "itmes:", "wave.yaml:1: items: is missing; give the questions to be examined\n"
     "wave.yaml:5: itmes: is not a known key; did you mean items?"),
    ("name: A survey", "name: A survey, zzz: 1",
     "wave.yaml:1: survey.zzz: is not a known key; known here: name, wave, country"),
    ("  interviewer: intnum\n", "", "wave.yaml:2: data.interviewer: is missing; give column with the interviewer's id"),
    ("{name: pplhlp,", "{name: pplhlp, label: People, as a rule,",
     "wave.yaml:7: items.pplhlp.as a rule: is empty; "
     "if it belongs to the text before the comma, put that text in quotes"),
    ("interviewer: intnum", "interviewer:", "wave.yaml:4: data.interviewer: is empty; give a value or delete the line"),
    ("interviewer: intnum", "interviewer: intnum\n  weight: ~",
     "wave.yaml:5: data.weight: is empty; give a value or delete the line"),
    ("name: A survey", "name: true", "wave.yaml:1: survey.name: is true; it should be text; put it in quotes"),
    ("name: A survey", "name: ''", "wave.yaml:1: survey.name: is ''; it should not be empty text"),
    ("name: A survey", "name: A, wave: 1.10",
     "wave.yaml:1: survey.wave: is 1.1; it should be text; put it in quotes"),
    ("survey: {name: A survey}", "survey: A survey",
     "wave.yaml:1: survey: is 'A survey'; it should have the keys name, wave, country"),
    ("{name: pplhlp, scale: [0, 10]}", "{name: pplhlp, scale: 0-10}",
     "wave.yaml:7: items.pplhlp.scale: is not a scale; write its lowest and highest answer, e.g. [0, 10]"),
    ("{name: pplhlp, scale: [0, 10]}", "{name: pplhlp, random_intercept: yes}",
     "wave.yaml:7: items.pplhlp.random_intercept: is 'yes'; it should be true or false"),
    ("{name: pplhlp, scale: [0, 10]}", "{name: pplhlp, model: linaer}",
     "wave.yaml:7: items.pplhlp.model: is 'linaer'; did you mean linear?"),
    ("{name: pplhlp, scale: [0, 10]}", "{scale: [0, 10]}",
     "wave.yaml:7: items[2].name: is missing; give column of the item"),
    ("file: wave.csv", "file: wave.csv\n  read: {encoding: windows, delimiter: ;;}",
     "wave.yaml:4: data.read.delimiter: is ';;', which is not a delimiter; write one sign, e.g. \";\" or \"\\t\"\n"
     "wave.yaml:4: data.read.encoding: is 'windows', which is not the name of an encoding; write e.g. utf-8, cp1252, "
     "cp1250 or iso-8859-15"),
    ("{name: pplhlp, scale: [0, 10]}", "{name: pplhlp, missing_codes: 88}",
     "wave.yaml:7: items.pplhlp.missing_codes: is not a set of codes; "
     "write {88: Don't know, 99: No answer}, or [88, 99] without reasons"),
    ("items:", "flags: {min_interviews: 0}\nitems:",
     "wave.yaml:5: flags.min_interviews: is 0; it should be at least 1"),
    ("items:", "flags: {min_interviews: 2.5}\nitems:",
     "wave.yaml:5: flags.min_interviews: is 2.5; it should be a whole number"),
    ("items:", "flags: {false_discovery_rate: 5%}\nitems:",
     "wave.yaml:5: flags.false_discovery_rate: is '5%'; it should be a number"),
    ("items:", "flags: {false_discovery_rate: 5}\nitems:",
     "wave.yaml:5: flags.false_discovery_rate: is 5; it should be less than 1"),
    ("items:", "report: {formats: [word]}\nitems:",
     "wave.yaml:5: report.formats.word: is 'word'; it should be html, pdf, json, xlsx, feedback or parquet"),
    ("items:", "report: {formats: html}\nitems:",
     "wave.yaml:5: report.formats: is 'html'; it should be a list, with '- ' before each entry or in [ ]"),
    ("items:", "report: {formats: []}\nitems:",
     "wave.yaml:5: report.formats: is an empty list; it should have at least 1 entry"),
    ("items:", "report: {pseudonyms: 1}\nitems:",
     "wave.yaml:5: report.pseudonyms: is 1; it should be true or false"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), WRONG_VALUES)
def test_wrong_values_are_told_in_plain_words(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in MINIMAL
    assert complaint(tmp_path, MINIMAL.replace(old, new)) == message


CONTRADICTIONS = [
    ("name: pplhlp", "name: trstplc",
     "wave.yaml:7: items.trstplc: trstplc is listed twice (entries 1 and 2); keep one"),
    ("name: pplhlp", "name: intnum",
     "wave.yaml:7: items.intnum: intnum is the column of the interviewer (data.interviewer), not an answer; "
     "delete it here"),
    ("  interviewer: intnum", "  interviewer: intnum\n  respondent: intnum",
     "wave.yaml:5: data.respondent: is the same column as data.interviewer; name the one that tells interviews apart, "
     "or delete respondent"),
    ("[0, 10]}\n", "[0, 10], slopes: [trstlpc]}\n",
     "wave.yaml:7: items.pplhlp.slopes: trstlpc is not one of the items; did you mean trstplc?"),
    ("[0, 10]}\n", "[0, 10], slopes: happy}\n",
     "wave.yaml:7: items.pplhlp.slopes: happy is not one of the items; add it to items"),
    ("[0, 10]}\n", "[0, 10], slopes: [pplhlp]}\n",
     "wave.yaml:7: items.pplhlp.slopes: pplhlp cannot have a slope on itself; name another item"),
    ("[0, 10]}\n", "[0, 10], random_intercept: false}\n",
     "wave.yaml:7: items.pplhlp.random_intercept: "
     "is false and there are no slopes, which leaves nothing to estimate; add slopes, or delete it"),
    ("[0, 10]}\n", "[10, 0]}\n",
     "wave.yaml:7: items.pplhlp.scale: 10 to 0 stands the wrong way round; the lowest answer comes first: [0, 10]"),
    ("[0, 10]}\n", "[3, 3]}\n",
     "wave.yaml:7: items.pplhlp.scale: 3 to 3 has only one answer; give the lowest and the highest"),
    ("[0, 10]}\n", "[0, 10]}\nmissing_codes:\n  99: No answer\n  Refusal: 77\n  Don't know: '88'\n",
     "wave.yaml:10: missing_codes.Refusal: has the number 77 for a reason; the code comes first: {77: Refusal, 88: "
     "Don't know}; if \"Refusal\" is what stands in the file, give its reason in words"),
    ("{name: pplhlp, scale: [0, 10]}", "{name: pplhlp, missing_codes: {'{said} \"x\"': -1}}",
     'wave.yaml:7: items.pplhlp.missing_codes.{said} "x": has the number -1 for a reason; the code comes first: '
     '{-1: "{said} \\"x\\""}; if "{said} \\"x\\"" is what stands in the file, give its reason in words'),
    ("[0, 10]}\n", "[0, 10]}\nmissing_codes: {8: Don't know}\n",
     "wave.yaml:6: items.trstplc: the default missing code 8 (Don't know) lies inside its scale 0 to 10; "
     "give the item its own missing_codes, {} for none\n"
     "wave.yaml:7: items.pplhlp: the default missing code 8 (Don't know) lies inside its scale 0 to 10; "
     "give the item its own missing_codes, {} for none"),
    ("[0, 10]}\n", "[0, 10], missing_codes: {8: Don't know}}\n",
     "wave.yaml:7: items.pplhlp.missing_codes: 8 (Don't know) lies inside the scale 0 to 10; "
     "correct the code or the scale"),
    ("[0, 10]}\n", "[0, 10], missing_codes: {..2: Missing}}\n",
     "wave.yaml:7: items.pplhlp.missing_codes: ..2 (Missing) lies inside the scale 0 to 10; "
     "correct the code or the scale"),
    ("[0, 10]}\n", "[0, 10]}\nmissing_code_groups: [{items: [trstplc, pplhlp, pplhlp, trst], missing_codes: [5-9]}]\n",
     "wave.yaml:6: items.trstplc: the group's missing code 5-9 (Missing) lies inside its scale 0 to 10; "
     "give the item its own missing_codes, {} for none\n"
     "wave.yaml:7: items.pplhlp: the group's missing code 5-9 (Missing) lies inside its scale 0 to 10; "
     "give the item its own missing_codes, {} for none\n"
     "wave.yaml:8: missing_code_groups[1].items.pplhlp: pplhlp has codes of a group already; keep it in one group\n"
     "wave.yaml:8: missing_code_groups[1].items.trst: is not one of the items; did you mean trstplc?"),
    ("scale: [0, 10]}\n", "reverse: true}\n",
     "wave.yaml:7: items.pplhlp.reverse: needs the scale, to know what becomes what; add scale, e.g. [1, 5]"),
    ("[0, 10]}\n", "[0, 10], categories: {0: None, 11: Complete}}\n",
     "wave.yaml:7: items.pplhlp.categories: 11 (Complete) lies outside the scale 0 to 10; "
     "correct the number or the scale"),
    ("[0, 10]}\n", "[0, 10], categories: None}\n",
     "wave.yaml:7: items.pplhlp.categories: is not a set of answers; write them in their order, "
     "[Disagree strongly, ..., Agree strongly], or with their numbers, {1: Disagree strongly, 5: Agree strongly}"),
    ("[0, 10]}\n", "[0, 10]}\nbatteries: [{name: Trust, items: [trstplc, trstlgl]}]\n",
     "wave.yaml:8: batteries.Trust.items.trstlgl: is not one of the items; did you mean trstplc?"),
    ("[0, 10]}\n", "[0, 10]}\nbatteries: [{name: Trust, items: [trstplc, trstplc]}]\n",
     "wave.yaml:8: batteries.Trust.items.trstplc: stands twice in this battery; keep one"),
    ("[0, 10]}\n", "[0, 10]}\nrespondent_covariates: [agea, agea]\n",
     "wave.yaml:8: respondent_covariates.agea: agea is listed twice (entries 1 and 2); keep one"),
    ("[0, 10]}\n", "[0, 10]}\ninterviewers: {on: intnum}\n",
     "wave.yaml:8: interviewers.on: belongs to a file of interviewers; add file, or delete on"),
    ("  interviewer: intnum", "  interviewer: intnum\n  read: {names_row: 2, labels_row: 2}",
     "wave.yaml:5: data.read.labels_row: is 2, the row of the names; name another row, or delete it"),
    ("[0, 10]}\n", "[0, 10]}\ninterviewers: {file: i.csv, read: {labels_row: 2, first_row: 2}}\n",
     "wave.yaml:8: interviewers.read.first_row: is 2; the data begin behind the names and labels, in row 3 or later"),
    ("  interviewer: intnum", "  interviewer: intnum\n  join: [{file: j, on: id, read: {names_row: 3, first_row: 3}}]",
     "wave.yaml:5: data.join[1].read.first_row: is 3; the data begin behind the names and labels, in row 4 or later"),
    ("[0, 10]}\n", "[0, 10]}\nreport: {formats: [html, html]}\n",
     "wave.yaml:8: report.formats.html: stands twice; keep one"),
    ("[0, 10]}\n", "[0, 10], key: trstplc}\n",
     "wave.yaml:7: items.pplhlp.key: trstplc stands for trstplc already; items of one wave need different keys"),
    ("[0, 10]}\n", "[0, 10]}\narchive: {folder: a, earlier_waves: [1, 1]}\n",
     "wave.yaml:8: archive.earlier_waves[2]: stands twice; keep one"),
    ("A survey}\ndata", "A survey, wave: 2}\narchive: {folder: a, earlier_waves: [1, 2]}\ndata",
     "wave.yaml:2: archive.earlier_waves[2]: is this wave itself (survey.wave); name earlier waves only"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), CONTRADICTIONS)
def test_contradictions_name_the_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    head, tail = MINIMAL.rsplit(old, 1)
    assert complaint(tmp_path, head + new + tail) == message


@pytest.mark.parametrize("duration", ["{start: a}", "{minutes: a, start: b, end: c}", "{}"])
def test_duration_is_either_minutes_or_two_times(tmp_path: Path, duration: str) -> None:
    text = MINIMAL.replace("interviewer: intnum", f"interviewer: intnum\n  duration: {duration}")
    assert complaint(tmp_path, text) == "wave.yaml:5: data.duration: needs either minutes, or both start and end"


def test_own_codes_replace_a_default_inside_the_scale(tmp_path: Path) -> None:
    text = MINIMAL.replace("scale: [0, 10]}", "scale: [0, 10], missing_codes: {}}") + "missing_codes: {8: Don't know}\n"
    assert load(tmp_path, text).items[0].missing_codes == {}


def test_many_mistakes_are_cut_short(tmp_path: Path) -> None:
    text = MINIMAL + "".join(f"unknown{number}: 1\n" for number in range(15))
    lines = complaint(tmp_path, text).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "wave.yaml: and 5 more"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_configuration_is_valid(path: Path) -> None:
    assert load_config(path).items
    jsonschema.validate(_with_text_keys(read_yaml(path).value), config_schema())


def test_there_are_shipped_configurations() -> None:
    assert {"example", "minimal", "ess11"} <= {path.stem for path in SHIPPED}


def test_the_schema_accepts_what_the_program_accepts(tmp_path: Path) -> None:
    path = tmp_path / "whole.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(_with_text_keys(read_yaml(path).value), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"survey": {"name": "A", "contry": "B"}}, schema)


def _with_text_keys(value: object) -> object:
    """As an editor sees YAML: the keys of a JSON object are text."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    return [_with_text_keys(inner) for inner in value] if isinstance(value, list) else value


def test_the_reference_page_is_current() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == reference_page()


def test_the_reference_page_is_written_by_its_command() -> None:
    command = [sys.executable, "-m", "qa_reports.config.reference"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8", cwd=ROOT)
    assert printed.stdout == reference_page()
