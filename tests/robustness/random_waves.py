"""Random waves as an agency has them: many features of a configuration at once, each ordinary or slightly odd.

`random_surveys.py` makes text and numbers odd; what is odd here is how features meet. A case is a seed. Each feature
draws from dice of its own, so that one can be left out (`without`) and the others stay as they were.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tests.robustness.random_surveys import HOSTILE, Quoted

TEAMS = ("North", "South & East", "Ost/West", "=1+1")
MISSING = {77: "Refusal", 88: "Don't know", 99: "No answer"}


@dataclass
class Wave:
    """One wave while it is put together; `plan` is the same for every wave of a survey, `rng` is not."""

    number: int
    plan: np.random.Generator
    rng: np.random.Generator
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    person: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))
    """(n,) which interviewer, by number."""
    config: dict[str, Any] = field(default_factory=dict)
    files: dict[str, pd.DataFrame] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    suffix: str = ".csv"

    @property
    def n(self) -> int:
        """Interviews."""
        return len(self.person)

    def per_person(self, values: Iterable[object]) -> np.ndarray:
        """A value per interviewer, for each interview."""
        return np.array(list(values), dtype=object)[self.person]

    def spoil(self, name: str, odd: object, share: float = 0.05) -> None:
        """Put something odd into a share of a column's cells."""
        cells = self.table[name].to_numpy(dtype=object).copy()
        cells[self.rng.random(self.n) < share] = odd
        self.table[name] = cells

    def names(self) -> list[str]:
        """The items."""
        return [item["name"] for item in self.config["items"]]


Feature = Callable[[Wave], None]
FEATURES: dict[str, tuple[float, Feature]] = {}


def sometimes(share: float) -> Callable[[Feature], Feature]:
    """A feature that this share of the surveys have."""

    def kept(feature: Feature) -> Feature:
        FEATURES[feature.__name__] = (share, feature)
        return feature

    return kept


ITEM_KINDS = (
    "rating", "rating", "likert", "likert", "binary", "rare", "uneven", "words", "counts", "decimals", "constant",
    "blank", "one person only", "all but one alike", "wide", "tiny", "reversed", "constant within",
)  # fmt: skip


def answers(kind: str, wave: Wave, level: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """(n,) answers of a kind, and what the configuration says of the item."""
    rng, n = wave.rng, wave.n
    shift = level[wave.person]
    rating = np.clip(np.rint(rng.normal(5, 2, n) + shift), 0, 10)
    scale = {"scale": [0, 10]}
    likert = np.clip(np.rint(rng.normal(3, 1.1, n) + shift / 2), 1, 5)
    match kind:
        case "likert" | "reversed":
            return likert, {"scale": [1, 5], **({"reverse": True} if kind == "reversed" else {})}
        case "binary":
            return (rating > 5).astype(float), {"scale": [0, 1]}
        case "rare":
            return (rng.random(n) < 0.02).astype(float), {}
        case "uneven":
            return np.where(rng.random(n) < 0.9, 1, likert), {"scale": [1, 5]}
        case "words":
            words = np.array(["Never", "Rarely", "Often & much", "Always"], dtype=object)
            return words[np.clip(likert - 1, 0, 3).astype(int)], {"categories": words.tolist()}
        case "counts":
            return np.rint(rng.gamma(2, 10, n) / 5) * 5 + (rng.random(n) < 0.3), {}
        case "decimals":
            return np.round(rng.normal(0, 1, n) + shift, 3), {"model": "linear"}
        case "constant":
            return np.full(n, 4.0), scale
        case "blank":
            return np.full(n, np.nan), scale
        case "one person only":
            return np.where(wave.person == 0, rating, np.nan), scale
        case "all but one alike":
            return np.where(np.arange(n) == 0, 10.0, 3.0), scale
        case "wide":
            return rating * 1e8 + rng.integers(0, 9, n), {}
        case "tiny":
            return rating * 1e-9, {}
        case "constant within":
            return rng.integers(0, 11, level.size)[wave.person].astype(float), scale
        case _:
            return rating, scale


def begin(wave: Wave) -> None:
    """Interviewers, workloads, ids and items: what every survey has."""
    plan, rng = wave.plan, wave.rng
    n_persons = int(plan.choice([2, 3, 8, 15, 30]))
    mean = plan.choice([1.5, 6, 12])
    workload = 1 + rng.poisson(mean, n_persons)
    if plan.random() < 0.2:
        workload[0] = 80
    if wave.number:
        left = rng.random(n_persons) < 0.2
        left[0] &= not left.all()
        workload[left] = 0
    wave.person = rng.permutation(np.repeat(np.arange(n_persons), workload))
    kind = plan.choice(["P-{:04d}", "{}", "{:05d}", "Zoë {:03d}", "{}.0"])
    ids = [kind.format(7001 + place) for place in range(n_persons)]
    wave.table["idno"] = [f"R{wave.number}-{row:05d}-x" for row in range(wave.n)]
    wave.table["intnum"] = wave.per_person(ids)
    kinds = ["rating", *(str(one) for one in plan.choice(ITEM_KINDS, int(plan.integers(0, 7))))]
    items = []
    for place, item_kind in enumerate(kinds):
        level = rng.normal(0, plan.choice([0, 0.5, 2]), n_persons)
        level[0] += plan.choice([0, 0, 4])
        cells, said = answers(item_kind, wave, level)
        wave.table[f"q{place}"] = pd.Series(np.where(pd.isna(cells), None, cells), dtype=object)
        items.append({"name": f"q{place}", "label": str(plan.choice(HOSTILE[:12])), **said})
        if item_kind in ("rating", "likert", "binary", "counts"):
            for code in MISSING:
                wave.spoil(f"q{place}", float(code), float(plan.choice([0, 0.02, 0.3])))
    wave.config |= {
        "survey": {"name": "Panel <hostile> of /..", "wave": f"Wave {wave.number + 1}"},
        "data": {"file": f"wave{wave.number}{wave.suffix}", "respondent": "idno", "interviewer": "intnum"},
        "missing_codes": dict(MISSING),
        "items": items,
        "report": {"formats": ["json"]},
    }


@sometimes(0.4)
def cheats(wave: Wave) -> None:
    """Somebody copies, somebody gives one and the same answer, somebody asks nothing."""
    columns = wave.names()
    last, other = wave.person.max(initial=0), wave.person.max(initial=0) // 2
    rows = np.flatnonzero(wave.person == last)
    if rows.size:
        for column in columns:
            wave.table.loc[rows, column] = wave.table[column].iloc[rows[0]]
    if wave.plan.random() < 0.5:
        for column in columns:
            wave.table.loc[wave.person == other, column] = 88.0 if wave.plan.random() < 0.7 else None


@sometimes(0.4)
def respondents(wave: Wave) -> None:
    """Covariates of respondents, and gaps in them."""
    wave.table["age"] = np.rint(wave.rng.normal(50, 17, wave.n)).astype(object)
    wave.table["gender"] = wave.rng.choice(
        np.array(["f", "m", "x<hostile>"], dtype=object), wave.n, p=[0.5, 0.49, 0.01]
    )
    wave.spoil("age", wave.plan.choice([999.0, None]))
    wave.config["respondent_covariates"] = [
        {"name": "age", "missing_codes": {999: "Not available"}},
        {"name": "gender", "type": "categorical"},
    ]
    if wave.plan.random() < 0.3:  # one that goes with the interviewer
        wave.table["region"] = wave.per_person(f"r{place % 3}" for place in range(wave.person.max() + 1))
        wave.config["respondent_covariates"].append({"name": "region", "type": "categorical"})


@sometimes(0.35)
def interviewers(wave: Wave) -> None:
    """A file of the interviewers, some missing in it, some in it who did nothing."""
    ids = pd.unique(wave.table["intnum"])
    known = [one for place, one in enumerate(ids) if place % 7 != 3] + ["nobody at all"]
    table = pd.DataFrame({"who": known, "experience": wave.rng.integers(0, 30, len(known)).astype(object)})
    table["sex"] = wave.rng.choice(np.array(["f", "m"], dtype=object), len(known))
    if wave.plan.random() < 0.2:
        table.loc[0, "experience"] = None
    wave.files[f"people{wave.number}.csv"] = table
    wave.config["interviewers"] = {
        "file": f"people{wave.number}.csv",
        "on": "who",
        "covariates": ["experience", {"name": "sex", "type": "categorical"}],
    }


@sometimes(0.3)
def weights(wave: Wave) -> None:
    """Weights, of which some may be zero, missing, below zero or all the same."""
    kind = wave.plan.choice(["plain", "zeros", "gaps", "below zero", "same", "extreme", "all zero"])
    values = wave.rng.gamma(2, 0.5, wave.n)
    spread = {"same": np.ones(wave.n), "extreme": np.exp(wave.rng.normal(0, 5, wave.n)), "all zero": np.zeros(wave.n)}
    wave.table["w"] = np.round(spread.get(str(kind), values), 9).astype(object)
    if kind in ("zeros", "gaps", "below zero"):
        wave.spoil("w", {"zeros": 0.0, "gaps": None, "below zero": -1.0}[str(kind)])
    wave.config["data"]["weight"] = "w"


@sometimes(0.35)
def areas(wave: Wave) -> None:
    """Sampling areas: one interviewer's each, shared, crossed, all one, or one per interview."""
    kind = wave.plan.choice(["own", "pairs", "crossed", "one", "each", "gaps"])
    choices = {
        "own": wave.person,
        "pairs": wave.person // 2,
        "one": np.zeros(wave.n, dtype=int),
        "each": np.arange(wave.n),
        "gaps": wave.person // 2,
    }
    values = choices.get(str(kind), wave.rng.integers(0, 6, wave.n))
    wave.table["psu"] = [f"A{value}" for value in values]
    if kind == "gaps":
        wave.spoil("psu", None, 0.3)
    wave.config["data"]["area"] = "psu"


@sometimes(0.35)
def teams(wave: Wave) -> None:
    """Teams, of which some interviewers have none or two."""
    wave.table["team"] = wave.per_person(TEAMS[place % 4] for place in range(wave.person.max() + 1))
    if wave.plan.random() < 0.4:
        wave.spoil("team", wave.plan.choice([None, "North"]), 0.1)
    wave.config["data"]["team"] = "team"


@sometimes(0.4)
def durations(wave: Wave) -> None:
    """Lengths, or beginnings and ends: some odd, some none."""
    minutes = np.rint(np.exp(wave.rng.normal(3.7, 0.4, wave.n)))
    minutes[wave.person == wave.person.max(initial=0)] = 4
    if wave.plan.random() < 0.4:
        wave.table["minutes"] = minutes.astype(object)
        wave.spoil("minutes", wave.plan.choice([0.0, -5.0, 1e9, None]))
        wave.config["data"]["duration"] = {"minutes": "minutes"}
        return
    form = wave.plan.choice(["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S+02:00", "%H:%M"])
    start = pd.Timestamp("2026-10-24") + pd.to_timedelta(wave.rng.integers(0, 3 * 24 * 60, wave.n), unit="min")
    end = start + pd.to_timedelta(minutes, unit="min")
    wave.table["t0"], wave.table["t1"] = (list(times.strftime(str(form))) for times in (start, end))
    wave.spoil("t1", wave.plan.choice([None, None, wave.table["t0"].iloc[0]]), 0.1)
    if wave.plan.random() < 0.15:
        wave.spoil("t0", wave.plan.choice(["00.00.0000 25:61", "soon", ""]), 0.1)
    wave.config["data"]["duration"] = {"start": "t0", "end": "t1"}


@sometimes(0.3)
def timings(wave: Wave) -> None:
    """Seconds per question, for some of the questions."""
    for place, name in enumerate(wave.names()):
        if place % 3 != 2:
            wave.table[f"s_{name}"] = np.round(np.exp(wave.rng.normal(2, 0.5, wave.n)), 1).astype(object)
    wave.spoil("s_q0", wave.plan.choice([None, 0.0, -1.0, 1e12]), float(wave.plan.choice([0.1, 0.99])))
    wave.config.setdefault("indicators", {})["timings"] = {"columns": "s_{item}"}


@sometimes(0.35)
def indicators(wave: Wave) -> None:
    """Gates, numbers beside the items, agreement, hours, and some of it switched off."""
    plan, options = wave.plan, wave.config.setdefault("indicators", {})
    wave.table["job"] = wave.rng.choice(np.array([1.0, 2.0, 9.0], dtype=object), wave.n)
    wave.table["income"] = np.rint(np.exp(wave.rng.normal(7, 1, wave.n)) / 50) * 50
    wave.table["income"] = wave.table["income"].astype(object)
    wave.spoil("income", plan.choice([None, 99999.0]))
    options["gates"] = [
        {"name": "job", "opens": [1], "missing_codes": {9: "No answer"}},
        {"name": "q0", "opens": [1, 2]},
    ]
    options["numeric"] = [{"name": "income", "missing_codes": {99999: "Refusal"}}]
    options["agree"] = {"items": wave.names()[:3], "answers": [1, 2]}
    options["hours"] = [int(plan.integers(0, 9)), int(plan.integers(15, 25))]
    options["min_shared_answers"] = int(plan.choice([2, 10]))
    options["min_battery_items"] = int(plan.choice([2, 3]))
    if plan.random() < 0.3:
        options["off"] = [str(one) for one in plan.choice(["spread", "nonresponse", "duplicates", "times"], 2, False)]


@sometimes(0.3)
def re_interviews(wave: Wave) -> None:
    """Some asked again: with other answers, blanks, twice, or who was never asked."""
    rows = np.flatnonzero(wave.rng.random(wave.n) < 0.3)
    if rows.size == 0:
        return
    again = wave.table.iloc[rows][["idno", *wave.names()]].reset_index(drop=True)
    again.loc[again.index % 3 == 0, wave.names()[0]] = 3.0
    again.loc[again.index % 5 == 1, wave.names()[-1]] = None
    strangers = again.head(1).assign(idno="R-none")
    odd = wave.plan.random()
    parts = [again, strangers] if odd < 0.6 else [again, again.head(2)] if odd < 0.8 else [again]
    wave.files[f"again{wave.number}.csv"] = pd.concat(parts)
    wave.config.setdefault("indicators", {})["back_check"] = {"file": f"again{wave.number}.csv", "items": wave.names()}


@sometimes(0.35)
def batteries(wave: Wave) -> None:
    """Grids that share items, or hold items that cannot be modelled."""
    names = wave.names()
    if len(names) > 1:
        wave.config["batteries"] = [{"name": "All of it", "items": names}, {"name": "=Two", "items": names[-2:]}]


@sometimes(0.35)
def slopes(wave: Wave) -> None:
    """Slopes of items on each other, some without a random intercept."""
    names = wave.names()
    if len(names) > 1:
        wave.config["items"][-1] |= {"slopes": names[: int(wave.plan.integers(1, 3))]}
        wave.config["items"][-1]["slopes"] = [one for one in wave.config["items"][-1]["slopes"] if one != names[-1]]
        wave.config["items"][-1]["random_intercept"] = bool(wave.plan.random() < 0.7)


@sometimes(0.3)
def models(wave: Wave) -> None:
    """Kinds of models that are asked for, whatever the answers are."""
    for item in wave.config["items"]:
        item["model"] = str(wave.plan.choice(["auto", "linear", "ordinal", "binary"], p=[0.4, 0.2, 0.3, 0.1]))


@sometimes(0.2)
def undeclared_codes(wave: Wave) -> None:
    """Codes that nobody has declared, of one interviewer above all."""
    code = float(wave.plan.choice([999, -9, 55]))
    name = wave.names()[0]
    mine = (wave.person == 0) & (wave.rng.random(wave.n) < 0.5)
    wave.table.loc[mine, name] = code
    wave.config["items"][0].pop("scale", None)
    wave.config["items"][0].pop("reverse", None)


@sometimes(0.25)
def nobody(wave: Wave) -> None:
    """Interviews of nobody."""
    wave.spoil("intnum", wave.plan.choice(["-2", "", "9999", "Missing", None]), 0.1)


@sometimes(0.2)
def nested_ids(wave: Wave) -> None:
    """Interviewers who are numbered anew in every region."""
    wave.table["land"] = wave.per_person(f"L{place % 3}" for place in range(wave.person.max() + 1))
    wave.config["data"]["interviewer"] = ["land", "intnum"]
    if "interviewers" in wave.config:
        del wave.config["interviewers"]


@sometimes(0.2)
def joined(wave: Wave) -> None:
    """Columns of the same interviews from another file, which lacks some of them and has others."""
    rows = np.flatnonzero(wave.rng.random(wave.n) < wave.plan.choice([0.5, 0.95, 1.0]))
    more = pd.DataFrame({"idno": wave.table["idno"].iloc[rows], "extra": wave.rng.integers(1, 6, rows.size)})
    wave.files[f"more{wave.number}.csv"] = pd.concat([more, pd.DataFrame({"idno": ["R-other"], "extra": [1]})])
    wave.config["data"]["join"] = [{"file": f"more{wave.number}.csv", "on": "idno"}]
    wave.config["items"].append({"name": "extra", "scale": [1, 5]})


@sometimes(0.25)
def filtered(wave: Wave) -> None:
    """A filter, which may leave hardly anybody."""
    wave.config["data"]["where"] = str(
        wave.plan.choice(["q0 <= 6", "not (q0 == 3 or q0 == 4)", "idno != 'R0-00001-x'"])
    )


@sometimes(0.3)
def rules(wave: Wave) -> None:
    """Other rules for flags."""
    wave.config["flags"] = {
        "false_discovery_rate": float(wave.plan.choice([0.2, 0.9, 1e-6])),
        "min_interviews": int(wave.plan.choice([1, 2, 20])),
    }


@sometimes(0.25)
def reviewed(wave: Wave) -> None:
    """Flags that somebody has looked into, of persons who may not be there."""
    first = str(wave.table["intnum"].iloc[0])
    entry = {"interviewer": first, "kind": "any", "until": "Wave 2", "note": "<hostile>=1", "by": "A. Smith"}
    entries = [entry, {**entry, "interviewer": "P-9999", "kind": "level"}]
    wave.texts["reviewed.yaml"] = yaml.dump({"reviewed": entries}, Dumper=Quoted)


@sometimes(0.3)
def pseudonyms(wave: Wave) -> None:
    """Nobody may be told from what is made."""
    wave.config["report"]["pseudonyms"] = True


@sometimes(0.3)
def mailed(wave: Wave) -> None:
    """Letters to the office and to teams, of which some do not exist."""
    email: dict[str, Any] = {
        "from": "qa@agency.example",
        "to": ["a@x.example"],
        "smtp": {"host": "mail.agency.example"},
    }
    if "team" in wave.config["data"]:
        email["teams"] = {"North": "n@x.example", "South & East": ["s@x.example"]}
        if wave.plan.random() < 0.2:
            email["teams"]["Nowhere"] = "w@x.example"
    wave.config["email"] = email


@sometimes(0.5)
def formats(wave: Wave) -> None:
    """The page and the tables, and now and then what takes long to draw."""
    chosen = ["html", "json", "xlsx", "parquet"]
    if wave.plan.random() < 0.12:
        chosen += ["pdf", "feedback"]
    wave.config["report"]["formats"] = chosen


@sometimes(0.4)
def stored_otherwise(wave: Wave) -> None:
    """The survey in another format."""
    wave.suffix = str(wave.plan.choice([".tsv", ".csv.gz", ".parquet", ".xlsx", ".sav", ".dta"]))
    wave.config["data"]["file"] = f"wave{wave.number}{wave.suffix}"


@sometimes(0.15)
def in_parts(wave: Wave) -> None:
    """The survey in two files."""
    if wave.suffix in (".csv", ".parquet"):
        wave.config["data"]["file"] = [f"wave{wave.number}-{part}{wave.suffix}" for part in (1, 2)]


@sometimes(0.25)
def summed_up(wave: Wave) -> None:
    """By an engine, where nothing else wants the interviews in memory."""
    in_memory = "join" in wave.config["data"] or "back_check" in wave.config.get("indicators", {})
    if wave.suffix in (".csv", ".parquet") and not in_memory:
        wave.config["data"]["engine"] = "duckdb"


def make_wave(seed: int, number: int, without: frozenset[str] = frozenset()) -> Wave:
    """The wave of this number of the survey of this seed."""
    wave = Wave(number, np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1, number]))
    begin(wave)
    for place, (name, (share, feature)) in enumerate(FEATURES.items()):
        wave.plan = np.random.default_rng([seed, 2, place])
        wave.rng = np.random.default_rng([seed, 3, place, number])
        if wave.plan.random() < share and name not in without:
            feature(wave)
    return wave


def write_wave(wave: Wave, folder: Path) -> Path:
    """Write everything of a wave; its configuration."""
    names = wave.config["data"]["file"]
    if isinstance(names, list):
        half = wave.n // 2
        for name, part in zip(names, (wave.table.iloc[:half], wave.table.iloc[half:]), strict=True):
            _store(part, folder / name)
    else:
        _store(wave.table, folder / names)
    for name, table in wave.files.items():
        table.to_csv(folder / name, index=False)
    for name, text in wave.texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    config = copy.deepcopy(wave.config)
    config["archive"] = {"folder": "archive"}
    path = folder / f"wave{wave.number}.yaml"
    path.write_text(yaml.dump(config, Dumper=Quoted, allow_unicode=True, width=10_000), encoding="utf-8")
    return path


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Columns of numbers as numbers, others as text, as statistical formats have them."""
    typed = pd.DataFrame(index=table.index)
    for name in table:
        cells = table[name]
        if all(pd.isna(cell) or isinstance(cell, (int, float, np.number)) for cell in cells):
            typed[name] = pd.Series([np.nan if pd.isna(cell) else float(cell) for cell in cells], index=table.index)
        else:
            typed[name] = [None if pd.isna(cell) else str(cell) for cell in cells]
    return typed


def _store(table: pd.DataFrame, path: Path) -> None:
    import pyreadstat

    typed = _typed(table)
    match path.suffixes[-1]:
        case ".tsv":
            typed.to_csv(path, sep="\t", index=False)
        case ".parquet":
            typed.to_parquet(path, index=False)
        case ".xlsx":
            typed.to_excel(path, index=False)
        case ".sav":
            pyreadstat.write_sav(typed, str(path))
        case ".dta":
            pyreadstat.write_dta(typed, str(path))
        case _:
            typed.to_csv(path, index=False)
