"""Random surveys: odd shapes, odd answers, odd names and odd configurations, written as a user would write them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

HOSTILE = (
    "<hostile onload=alert(1)>",
    "</script><hostile>",
    "</title></style><hostile>",
    "'\"><hostile>",
    "]]><hostile>",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "+1+1",
    "{{ 7*7 }}{% raw %}",
    "../../etc/passwd",
    "CON",
    "\u202eevil\u200b",
    "Żółć 中文 🎉",
    "a\tb",
    "  spaced  ",
    "x" * 300,
    "%s %(x)s {0} $HOME",
    "-",
    "nan",
    "0",
    "1e3",
    "e\u0301 ",
    "\uff1d1+1",
    "bell\x07\x7f",
)
"""Text that means something to a page, a spreadsheet, a template, a shell, a file system or a parser."""

ANSWERS = (
    "rating", "likert", "binary", "constant", "constant within", "two interviewers only", "all missing", "codes only",
    "words", "huge", "tiny", "continuous", "skewed", "single answer", "huge offset",
)  # fmt: skip
REFUSED = ("numbers and words", "infinite", "decimal comma")
"""Answers that are refused; a survey that is refused tests nothing else, so there are few of them."""
WORDS = ("no", "perhaps", "yes", *HOSTILE[:3])
COVARIATES = ("normal", "constant", "collinear", "missing", "two", "many levels", "words", "huge", "sparse")


class Quoted(yaml.SafeDumper):
    """Writes every text in quotes: what YAML 1.1 leaves bare, such as 1e3, is a number by YAML 1.2."""


Quoted.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


@dataclass(frozen=True, slots=True)
class RandomSurvey:
    """A survey file and its configuration, before they are written."""

    columns: dict[str, list[str]]
    config: dict[str, object]
    refereed: bool = True
    """Whether statsmodels can follow: not where numbers of 1e9 differ by 1."""

    def write(self, folder: Path) -> Path:
        """Write `wave.csv` and `wave.yaml` into a folder that exists; the configuration's path."""
        with (folder / "wave.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(self.columns)
            writer.writerows(zip(*self.columns.values(), strict=True))
        path = folder / "wave.yaml"
        path.write_text(yaml.dump(self.config, Dumper=Quoted, allow_unicode=True, width=10_000), encoding="utf-8")
        return path

    @property
    def items(self) -> list[str]:
        """Names of the configured items."""
        entries = self.config["items"]
        assert isinstance(entries, list)
        return [entry["name"] for entry in entries]


def _text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.12g}"


def _answers(kind: str, rng: np.random.Generator, interviewer: np.ndarray, n_interviewers: int) -> list[str]:
    n = len(interviewer)
    level = rng.normal(0, rng.choice([0, 0.5, 3]), n_interviewers)[interviewer]
    rating = np.clip(np.rint(rng.normal(5, 2, n) + level), 0, 10)
    values = {
        "rating": rating,
        "likert": np.clip(np.rint(rating / 2.5) + 1, 1, 5),
        "binary": (rating > rng.integers(1, 9)).astype(float),
        "constant": np.full(n, 3.0),
        "constant within": rng.integers(0, 11, n_interviewers)[interviewer].astype(float),
        "two interviewers only": np.where(interviewer < 2, rating, np.nan),
        "all missing": np.full(n, np.nan),
        "codes only": rng.choice([77.0, 88.0, 99.0], n),
        "huge": rating * 1e15,
        "tiny": rating * 1e-15,
        "continuous": rng.normal(0, 1, n) + level,
        "skewed": np.exp(rng.normal(0, 3, n) + level),
        "single answer": np.where(np.arange(n) == n // 2, 1.0, np.nan),
        "infinite": np.where(rng.random(n) < 0.1, np.inf, rating),
        "huge offset": 1e9 + rating,
    }
    if kind == "words":
        return [str(word) for word in rng.choice(np.array(WORDS, dtype=object), n)]
    if kind == "numbers and words":
        return [
            str(word) if rng.random() < 0.1 else _text(value) for value, word in zip(rating, ["?"] * n, strict=True)
        ]
    if kind == "decimal comma":
        return [_text(value).replace(".", ",") for value in rng.normal(0, 1, n)]
    return [_text(value) for value in values[kind]]


def _covariate(kind: str, rng: np.random.Generator, like: np.ndarray) -> list[str]:
    n = len(like)
    if kind == "many levels":
        return [str(value) for value in rng.integers(0, max(n // 2, 2), n)]
    if kind == "words":
        return [str(word) for word in rng.choice(np.array(["north", "south", *HOSTILE[:4]], dtype=object), n)]
    values = {
        "normal": rng.normal(50, 10, n),
        "constant": np.full(n, 7.0),
        "collinear": like * 2.0 + 1,
        "missing": np.where(rng.random(n) < 0.5, np.nan, rng.normal(0, 1, n)),
        "two": rng.integers(0, 2, n).astype(float),
        "huge": rng.normal(0, 1, n) * 1e12,
        "sparse": (np.arange(n) == 0).astype(float),
    }
    return [_text(value) for value in values[kind]]


def _ids(kind: str, n: int) -> list[str]:
    names = {
        "numbers": [str(100 + j) for j in range(n)],
        "decimals": [f"{100 + j}.0" for j in range(n)],
        "hostile": [HOSTILE[j % len(HOSTILE)] + str(j) for j in range(n)],
        "codes": [str([-2, 0, 9999, 77][j % 4] if j < 4 else j) for j in range(n)],
        "zeros": [f"{j:05d}" for j in range(n)],
    }
    return names[kind]


@st.composite
def random_surveys(draw: DrawFn) -> RandomSurvey:
    """A survey of up to 14 interviewers and 5 items, some of it impossible to analyse."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    workloads = draw(
        st.lists(st.sampled_from([1, 2, 3, 6, 10, 25]), min_size=draw(st.sampled_from([1, 2, 6])), max_size=14)
    )
    interviewer = np.repeat(np.arange(len(workloads)), workloads)
    if draw(st.booleans()):
        interviewer = rng.permutation(interviewer)
    n = len(interviewer)
    possible = ANSWERS if draw(st.integers(0, 9)) else REFUSED
    kinds = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=5))
    names = [f"q{place}" for place in range(len(kinds))]
    columns = {"idno": [str(row + 1) for row in range(n)]}
    ids = np.array(_ids(draw(st.sampled_from(["numbers", "decimals", "hostile", "codes", "zeros"])), len(workloads)))
    columns["intnum"] = [str(name) for name in ids[interviewer]]
    for name, kind in zip(names, kinds, strict=True):
        answers = _answers(kind, rng, interviewer, len(workloads))
        columns[name] = answers if kind == "words" else _with_oddities(draw, rng, answers)
    config: dict[str, object] = {
        "survey": {"name": draw(st.sampled_from(HOSTILE)), "wave": draw(st.sampled_from([1, "2", *HOSTILE[:4]]))},
        "items": [_item(draw, name, kind, names) for name, kind in zip(names, kinds, strict=True)],
    }
    fields: dict[str, object] = {"file": "wave.csv", "respondent": "idno", "interviewer": "intnum"}
    _add_covariates(draw, rng, interviewer, columns, config)
    _add_fields(draw, rng, columns, fields)
    config["data"] = fields
    if draw(st.booleans()):
        config["missing_codes"] = {77: "Refusal", 88: draw(st.sampled_from(HOSTILE)), 99: "No answer"}
    if len(names) > 1 and draw(st.booleans()):
        config["batteries"] = [{"name": draw(st.sampled_from(HOSTILE)), "items": names}]
    config["flags"] = {
        "false_discovery_rate": draw(st.sampled_from([0.05, 0.5, 1e-9])),
        "min_interviews": draw(st.sampled_from([5, 1, 1000])),
    }
    config["report"] = {"formats": draw(st.sampled_from([["json"], ["json", "html"], ["json", "html", "xlsx"]]))}
    return RandomSurvey(columns, config, "huge offset" not in kinds)


def _with_oddities(draw: DrawFn, rng: np.random.Generator, answers: list[str]) -> list[str]:
    odd = draw(st.sampled_from(["", "", "", "88", "-9", "1000000", " ", "NaN"]))
    share = draw(st.sampled_from([0.02, 0.3]))
    return [odd if odd and rng.random() < share else answer for answer in answers]


def _item(draw: DrawFn, name: str, kind: str, names: list[str]) -> dict[str, object]:
    item: dict[str, object] = {"name": name, **({"categories": list(WORDS)} if kind == "words" else {})}
    if draw(st.booleans()):
        item["label"] = draw(st.sampled_from(HOSTILE))
    if kind != "words" and draw(st.booleans()):
        item["scale"] = draw(st.sampled_from([[0, 10], [1, 5], [0, 1], [100, 200]]))
        item["reverse"] = draw(st.booleans())
    if draw(st.integers(0, 3)) == 0:
        item["missing_codes"] = draw(st.sampled_from([{}, {3: "x"}, {"20..30": HOSTILE[0]}]))
    others = [other for other in names if other != name]
    if others and draw(st.integers(0, 2)) == 0:
        item["slopes"] = draw(st.lists(st.sampled_from(others), min_size=1, max_size=2, unique=True))
        item["random_intercept"] = draw(st.booleans())
    item["model"] = draw(st.sampled_from(["auto", "auto", "linear", "ordinal", "binary"]))
    return item


def _add_covariates(
    draw: DrawFn,
    rng: np.random.Generator,
    interviewer: np.ndarray,
    columns: dict[str, list[str]],
    config: dict[str, object],
) -> None:
    like = rng.normal(0, 1, len(interviewer))
    kinds = draw(st.lists(st.sampled_from(COVARIATES), max_size=3))
    covariates: list[object] = []
    for place, kind in enumerate(kinds):
        name = f"x{place}"
        columns[name] = _covariate(kind, rng, like)
        like = np.array([float(cell) if kind not in ("words",) and cell else 0.0 for cell in columns[name]])
        text = kind in ("many levels", "words")
        covariates.append({"name": name, "type": "categorical" if text or draw(st.booleans()) else "numeric"})
    if covariates:
        config["respondent_covariates"] = covariates
    if draw(st.integers(0, 2)) == 0:
        by_interviewer = rng.normal(0, 1, interviewer.max() + 1).round(draw(st.sampled_from([0, 3])))
        columns["experience"] = [_text(value) for value in by_interviewer[interviewer]]
        config["interviewers"] = {"covariates": ["experience"]}


def _add_fields(
    draw: DrawFn, rng: np.random.Generator, columns: dict[str, list[str]], fields: dict[str, object]
) -> None:
    """Weights, areas, teams, minutes and a filter, each of them now and then, and now and then odd."""
    n = len(columns["idno"])
    if draw(st.integers(0, 3)) == 0:
        columns["w"] = [_text(value) for value in draw(st.sampled_from([1.0, 1e-9, 1e9, 0.0])) * rng.gamma(2, 1, n)]
        fields["weight"] = "w"
    if draw(st.integers(0, 3)) == 0:
        columns["psu"] = [str(value) for value in rng.integers(0, draw(st.sampled_from([1, 3, 30])), n)]
        fields["area"] = "psu"
    if draw(st.integers(0, 3)) == 0:
        columns["team"] = [HOSTILE[int(hash_) % 5] for hash_ in np.unique(columns["intnum"], return_inverse=True)[1]]
        fields["team"] = "team"
    if draw(st.integers(0, 3)) == 0:
        columns["minutes"] = [_text(value) for value in rng.normal(30, draw(st.sampled_from([0, 10, 1e6])), n)]
        fields["duration"] = {"minutes": "minutes"}
    if draw(st.integers(0, 5)) == 0:
        fields["where"] = draw(st.sampled_from(["q0 >= 2", "intnum != '100'", "not (q0 == 3)", "q0 in [1, 2, 3]"]))
