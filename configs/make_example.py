"""Simulate the example wave: 1,703 interviews by 150 interviewers, 22 attitude items, two planted interviewers.

Run ``python configs/make_example.py`` to write, beside this script and byte for byte the same each time,

- ``example_wave.csv``: one row per interview, answers with their missing codes,
- ``example_interviewers.csv``: response rate and experience of each interviewer,
- ``example_truth.json``: every planted parameter and the two planted interviewers.

The wave follows a teaching example on the European Social Survey, round 5, Belgium: perceived helpfulness of people
(``pplhlp``) on trust in the police (``trstplc``) with intercept 3.89, slope 0.14 and interviewer variances 0.696 and
0.012; interviewer 4976 stands out on the intercept, and interviewer 7519 on the slope only because of one 88 that
nobody recoded. All other answers, interviewers and areas are invented; items and codes are named as in that survey.

The seed is the first, counting from 1, whose wave tells that story; ``tests/reference/example_seed.R`` states the
conditions, checks them with lme4 and finds the seed again.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEED = 505
N_INTERVIEWS = 1703
N_INTERVIEWERS = 150
LARGEST_WORKLOAD = 40
REGIONS = ("Centre", "East", "North", "South", "West")

LEVEL_INTERVIEWER, LEVEL_WORKLOAD = 4976, 30
CODE_INTERVIEWER, CODE_WORKLOAD = 7519, 14

POLICE_MEAN = 5.9
"""Mean of trstplc; with the variances below the interviewer's level of pplhlp is taken there."""
INTERCEPT, SLOPE = 3.89, 0.14
INTERCEPT_VARIANCE, SLOPE_VARIANCE, COVARIANCE = 0.696, 0.012, -0.06
RESIDUAL_VARIANCE = 2.5

SHARED = 0.5
"""Loading of every interviewer effect on one tendency per interviewer: effects on two items correlate .25."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """What is planted for one item, before answers are rounded to the scale."""

    name: str
    label: str
    scale: tuple[int, int]
    mean: float
    within_sd: float
    """Standard deviation of answers within an interviewer."""
    icc: float
    """Share of the variance that lies between interviewers; for pplhlp the slope model below holds instead."""
    factor: str
    """Group of items that correlate within a respondent."""
    refusal: float
    """Share of answers with the refusal code."""
    dont_know: float
    no_answer: float = 0.002
    response_rate: float = 0.0
    """Loading of the interviewer effect on the standardised response rate; its square is the share explained."""
    direction: int = 1
    """-1 where low answers are the favourable ones."""
    education: float = 0.0
    """Correlation with years of education within an interviewer."""
    age: float = 0.0

    @property
    def interviewer_sd(self) -> float:
        """Standard deviation of the interviewers' effects, in the item's units."""
        return float(self.within_sd * np.sqrt(self.icc / (1 - self.icc)))

    @property
    def codes(self) -> tuple[int, int, int]:
        """Refusal, don't know, no answer."""
        return (77, 88, 99) if self.scale[1] > 6 else (7, 8, 9)


TEN = (0, 10)
ITEMS = (
    ItemPlan("ppltrst", "Most people can be trusted", TEN, 5.1, 2.1, 0.06, "people", 0.001, 0.003,
             no_answer=0.001, response_rate=0.5, education=0.15),
    ItemPlan("pplfair", "Most people try to be fair", TEN, 5.7, 2.0, 0.05, "people", 0.001, 0.007, education=0.10),
    ItemPlan("pplhlp", "Most of the time people are helpful", TEN, 4.7, 1.58, 0.14, "people", 0.001, 0.004),
    ItemPlan("trstprl", "Trust in the parliament", TEN, 4.8, 2.2, 0.05, "trust", 0.003, 0.020,
             response_rate=0.5, education=0.15),
    ItemPlan("trstlgl", "Trust in the legal system", TEN, 5.1, 2.2, 0.04, "trust", 0.003, 0.015, education=0.12),
    # Nobody "does not know" here: the single 88 of this item is planted below.
    ItemPlan("trstplc", "Trust in the police", TEN, POLICE_MEAN, 2.15, 0.0494, "trust", 0.004, 0.0,
             no_answer=0.006, age=0.08),
    ItemPlan("trstplt", "Trust in politicians", TEN, 3.9, 2.1, 0.05, "trust", 0.003, 0.013, education=0.12),
    ItemPlan("trstprt", "Trust in political parties", TEN, 3.9, 2.0, 0.06, "trust", 0.004, 0.018, education=0.10),
    ItemPlan("trstep", "Trust in the European Parliament", TEN, 4.8, 2.2, 0.07, "trust", 0.003, 0.050, education=0.10),
    ItemPlan("trstun", "Trust in the United Nations", TEN, 5.1, 2.2, 0.06, "trust", 0.003, 0.055, education=0.08),
    ItemPlan("stflife", "Satisfaction with life", TEN, 7.2, 1.6, 0.04, "satisfaction", 0.001, 0.002,
             no_answer=0.001, response_rate=0.6),
    ItemPlan("stfeco", "Satisfaction with the economy", TEN, 5.0, 2.0, 0.06, "satisfaction", 0.002, 0.020,
             education=0.10),
    ItemPlan("stfgov", "Satisfaction with the government", TEN, 4.4, 2.1, 0.05, "satisfaction", 0.003, 0.025),
    ItemPlan("stfdem", "Satisfaction with democracy", TEN, 5.4, 2.1, 0.05, "satisfaction", 0.003, 0.025,
             education=0.10),
    ItemPlan("stfedu", "State of education", TEN, 6.0, 1.8, 0.08, "satisfaction", 0.002, 0.035),
    ItemPlan("stfhlth", "State of health services", TEN, 6.6, 1.8, 0.07, "satisfaction", 0.001, 0.006,
             response_rate=0.5, age=0.10),
    ItemPlan("imbgeco", "Immigration: good for the economy", TEN, 4.8, 2.2, 0.08, "migration", 0.003, 0.030,
             education=0.20),
    ItemPlan("imueclt", "Immigration: enriches culture", TEN, 5.4, 2.3, 0.09, "migration", 0.002, 0.020,
             education=0.20),
    ItemPlan("imwbcnt", "Immigration: a better place to live", TEN, 4.7, 2.1, 0.10, "migration", 0.003, 0.025,
             response_rate=0.4, education=0.20),
    ItemPlan("gincdif", "Government should reduce income differences", (1, 5), 2.4, 1.0, 0.03, "values", 0.002, 0.010,
             direction=-1),
    ItemPlan("freehms", "Gays and lesbians free to live as they wish", (1, 5), 2.2, 1.0, 0.02, "values", 0.003, 0.010,
             direction=-1, age=0.20),
    ItemPlan("imsmetn", "Allow immigrants of the same ethnic group", (1, 4), 2.3, 0.8, 0.06, "migration", 0.003, 0.025,
             direction=-1, education=-0.15),
)  # fmt: skip
GENERAL_LOADING, FACTOR_LOADING = 0.35, 0.55
POSITION = {plan.name: position for position, plan in enumerate(ITEMS)}
PEOPLE_SHIFT = -1.5
"""Effect of interviewer 4976 on ppltrst and pplfair."""


@dataclass(frozen=True, slots=True, eq=False)
class Interviewers:
    """J interviewers; the first is 4976, the second 7519."""

    ids: IntArray
    workload: IntArray
    region: IntArray
    response_rate: FloatArray
    experience: IntArray
    effects: FloatArray
    """(J, items) shift of each item's mean; the column of pplhlp is not used."""
    intercept: FloatArray
    slope: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Respondents:
    """n respondents, sorted by interviewer."""

    interviewer: IntArray
    area: list[str]
    weight: FloatArray
    minutes: IntArray
    age: IntArray
    gender: list[str]
    education: IntArray


def draw_workloads(random: np.random.RandomState) -> IntArray:
    """Unequal workloads from 1 to 40 that add up, the two planted interviewers first."""
    workload = np.clip(np.rint(random.gamma(1.9, 6.0, N_INTERVIEWERS)), 1, LARGEST_WORKLOAD).astype(np.int64)
    workload[:4] = LEVEL_WORKLOAD, CODE_WORKLOAD, LARGEST_WORKLOAD, 1
    while (excess := int(workload.sum()) - N_INTERVIEWS) != 0:
        changed = random.randint(4, N_INTERVIEWERS)
        workload[changed] = np.clip(workload[changed] - np.sign(excess), 1, LARGEST_WORKLOAD)
    return workload


def draw_interviewers(random: np.random.RandomState) -> Interviewers:
    """Interviewers with their true effects: all normal, except what is planted."""
    workload = draw_workloads(random)
    others = np.setdiff1d(np.arange(1000, 10000), [LEVEL_INTERVIEWER, CODE_INTERVIEWER])
    ids = random.choice(others, N_INTERVIEWERS, replace=False)
    ids[:2] = LEVEL_INTERVIEWER, CODE_INTERVIEWER
    standardised_rate = np.clip(random.standard_normal(N_INTERVIEWERS), -2.2, 2.2)
    tendency = random.standard_normal(N_INTERVIEWERS)
    own = random.standard_normal((N_INTERVIEWERS, len(ITEMS)))
    effects = np.empty_like(own)
    for position, plan in enumerate(ITEMS):
        rest = np.sqrt(1 - SHARED**2 - plan.response_rate**2)
        mixed = SHARED * tendency + plan.response_rate * standardised_rate + rest * own[:, position]
        effects[:, position] = plan.direction * plan.interviewer_sd * mixed
    intercept, slope = draw_slopes(random, SHARED * tendency + np.sqrt(1 - SHARED**2) * own[:, POSITION["pplhlp"]])
    effects[0, [POSITION["ppltrst"], POSITION["pplfair"]]] = PEOPLE_SHIFT
    effects[1, POSITION["trstplc"]] = 0.0
    intercept[:2], slope[:2] = (-3.5, 0.0), (0.0, 0.0)
    return Interviewers(
        ids=ids.astype(np.int64),
        workload=workload,
        region=random.randint(0, len(REGIONS), N_INTERVIEWERS).astype(np.int64),
        response_rate=np.round(0.56 + 0.09 * standardised_rate, 3),
        experience=np.minimum(np.rint(random.gamma(1.3, 5.0, N_INTERVIEWERS)), 30).astype(np.int64),
        effects=effects,
        intercept=intercept,
        slope=slope,
    )


def draw_slopes(random: np.random.RandomState, level: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Intercepts and slopes of pplhlp with the planted covariance matrix, built from the level at the mean of trstplc.

    `level` is standard normal and carries the tendency that the interviewer shows on all items.
    """
    level_variance = INTERCEPT_VARIANCE + 2 * POLICE_MEAN * COVARIANCE + POLICE_MEAN**2 * SLOPE_VARIANCE
    level_covariance = COVARIANCE + POLICE_MEAN * SLOPE_VARIANCE
    left_over = SLOPE_VARIANCE - level_covariance**2 / level_variance
    at_mean = np.sqrt(level_variance) * level
    slope = level_covariance / level_variance * at_mean + np.sqrt(left_over) * random.standard_normal(level.size)
    return at_mean - POLICE_MEAN * slope, slope


def draw_respondents(random: np.random.RandomState, interviewers: Interviewers) -> Respondents:
    """Who was interviewed, where, how long; nothing here depends on the interviewer except region, area and pace."""
    interviewer = np.repeat(np.arange(N_INTERVIEWERS), interviewers.workload)
    pace = 0.10 * random.standard_normal(N_INTERVIEWERS)
    age = np.clip(np.rint(random.normal(48, 18, N_INTERVIEWS)), 18, 96).astype(np.int64)
    education = np.clip(np.rint(random.normal(13.2 - 0.04 * (age - 48), 3.5)), 0, 26).astype(np.int64)
    log_minutes = np.log(58) + 0.002 * (age - 48) + pace[interviewer] + random.normal(0, 0.22, N_INTERVIEWS)
    weight = np.clip(np.exp(random.normal(0, 0.35, N_INTERVIEWS)), 0.3, 4)
    return Respondents(
        interviewer=interviewer,
        area=draw_areas(random, interviewers),
        weight=np.round(weight / weight.mean(), 4),
        minutes=np.rint(np.exp(log_minutes)).astype(np.int64),
        age=age,
        gender=["female" if female else "male" for female in random.random_sample(N_INTERVIEWS) < 0.52],
        education=education,
    )


def draw_areas(random: np.random.RandomState, interviewers: Interviewers) -> list[str]:
    """Areas of about six interviews; three in ten assignments go where a colleague of the region works already."""
    areas: list[str] = []
    known: dict[int, int] = dict.fromkeys(range(len(REGIONS)), 0)
    for region, workload in zip(interviewers.region.tolist(), interviewers.workload.tolist(), strict=True):
        for start in range(0, workload, 6):
            if known[region] and random.random_sample() < 0.3:
                number = 1 + int(random.randint(known[region]))
            else:
                number = known[region] = known[region] + 1
            areas += [f"{REGIONS[region][0]}{number:03d}"] * min(6, workload - start)
    return areas


def draw_answers(random: np.random.RandomState, interviewers: Interviewers, respondents: Respondents) -> IntArray:
    """(n, items) valid answers on each item's scale."""
    people = respondents.interviewer
    age = (respondents.age - 48) / 18.0
    education = (respondents.education - 13.2) / 3.5
    general = random.standard_normal(N_INTERVIEWS)
    factors = {name: random.standard_normal(N_INTERVIEWS) for name in sorted({plan.factor for plan in ITEMS})}
    unique = random.standard_normal((N_INTERVIEWS, len(ITEMS)))
    answers = np.empty((N_INTERVIEWS, len(ITEMS)), dtype=np.int64)
    for position, plan in enumerate(ITEMS):
        if plan.name == "pplhlp":
            continue
        rest = np.sqrt(1 - GENERAL_LOADING**2 - FACTOR_LOADING**2 - plan.age**2 - plan.education**2)
        within = plan.direction * (GENERAL_LOADING * general + FACTOR_LOADING * factors[plan.factor])
        within = within + plan.age * age + plan.education * education + rest * unique[:, position]
        value = plan.mean + interviewers.effects[people, position] + plan.within_sd * within
        answers[:, position] = np.clip(np.rint(value), *plan.scale)
    police = answers[:, POSITION["trstplc"]]
    residual = FACTOR_LOADING * factors["people"] + np.sqrt(1 - FACTOR_LOADING**2) * unique[:, POSITION["pplhlp"]]
    helpful = INTERCEPT + interviewers.intercept[people] + (SLOPE + interviewers.slope[people]) * police
    helpful = helpful + np.sqrt(RESIDUAL_VARIANCE) * residual
    answers[:, POSITION["pplhlp"]] = np.clip(np.rint(helpful), *TEN)
    return answers


def put_codes(random: np.random.RandomState, answers: IntArray) -> IntArray:
    """Answers with refusals, don't knows and no answers; some respondents give more of them than others."""
    reticence = random.gamma(1.5, 1 / 1.5, N_INTERVIEWS)
    coded = answers.copy()
    for position, plan in enumerate(ITEMS):
        lottery = random.random_sample(N_INTERVIEWS) / reticence
        threshold = 0.0
        for code, share in zip(plan.codes, (plan.refusal, plan.dont_know, plan.no_answer), strict=True):
            coded[(lottery >= threshold) & (lottery < threshold + share), position] = code
            threshold += share
    return coded


def simulate(seed: int) -> tuple[Interviewers, Respondents, IntArray, int]:
    """The whole wave, and the row that carries the planted 88."""
    # The legacy generator: the only one whose numbers numpy promises never to change.
    random = np.random.RandomState(seed)
    interviewers = draw_interviewers(random)
    respondents = draw_respondents(random, interviewers)
    answers = put_codes(random, draw_answers(random, interviewers, respondents))
    planted = LEVEL_WORKLOAD
    answers[planted, [POSITION["trstplc"], POSITION["pplhlp"]]] = 88, 0
    return interviewers, respondents, answers, planted


def wave_rows(
    seed: int, interviewers: Interviewers, respondents: Respondents, answers: IntArray
) -> tuple[list[list[object]], list[int]]:
    """Rows of the survey file in the order of fieldwork, and the respondent number of each simulated row."""
    random = np.random.RandomState(seed)
    order = random.permutation(N_INTERVIEWS)
    numbers = np.empty(N_INTERVIEWS, dtype=np.int64)
    numbers[order] = 10001 + np.arange(N_INTERVIEWS) * 3
    unknown_education = random.random_sample(N_INTERVIEWS)
    rows: list[list[object]] = []
    for row in order:
        asker = respondents.interviewer[row]
        education = int(respondents.education[row])
        if unknown_education[row] < 0.012:
            education = 77 if unknown_education[row] < 0.002 else 88 if unknown_education[row] < 0.010 else 99
        place = [REGIONS[interviewers.region[asker]], respondents.area[row], float(respondents.weight[row])]
        person = [int(respondents.minutes[row]), int(respondents.age[row]), respondents.gender[row], education]
        rows.append([int(numbers[row]), int(interviewers.ids[asker]), *place, *person, *answers[row].tolist()])
    return rows, numbers.tolist()


COLUMNS = ("idno", "intnum", "region", "area", "weight", "minutes", "age", "gender", "education")


def truth(seed: int, code_respondent: int) -> dict[str, object]:
    """Everything that was planted, for people and tests that ask whether the analysis found it."""
    police = ITEMS[POSITION["trstplc"]]
    slope_model = {
        "outcome": "pplhlp",
        "predictor": "trstplc",
        "intercept": INTERCEPT,
        "slope": SLOPE,
        "intercept_variance": INTERCEPT_VARIANCE,
        "slope_variance": SLOPE_VARIANCE,
        "covariance": COVARIANCE,
        "residual_variance": RESIDUAL_VARIANCE,
        "predictor_mean": POLICE_MEAN,
        "predictor_within_sd": police.within_sd,
        "predictor_interviewer_sd": round(police.interviewer_sd, 4),
    }
    return {
        "about": "Planted parameters of the example wave, before answers are rounded to their scale; no area effects.",
        "seed": seed,
        "n_interviews": N_INTERVIEWS,
        "n_interviewers": N_INTERVIEWERS,
        "slope_model": slope_model,
        "planted_interviewers": planted_interviewers(code_respondent),
        "interviewer_effects_correlation": SHARED**2,
        "items": [item_truth(plan) for plan in ITEMS],
    }


def planted_interviewers(code_respondent: int) -> list[dict[str, object]]:
    """The two interviewers that a first run should find, and what it should call them."""
    level = {
        "interviewer": str(LEVEL_INTERVIEWER),
        "kind": "level",
        "n_interviews": LEVEL_WORKLOAD,
        "pplhlp": {"intercept": -3.5, "slope": 0.0},
        "shifts": {"ppltrst": PEOPLE_SHIFT, "pplfair": PEOPLE_SHIFT},
    }
    code = {
        "interviewer": str(CODE_INTERVIEWER),
        "kind": "missing_code",
        "n_interviews": CODE_WORKLOAD,
        "pplhlp": {"intercept": 0.0, "slope": 0.0},
        "respondent": str(code_respondent),
        "item": "trstplc",
        "code": 88,
        "answer_of_pplhlp": 0,
    }
    return [level, code]


def item_truth(plan: ItemPlan) -> dict[str, object]:
    """What was planted for one item; the means of pplhlp follow from the slope model."""
    facts: dict[str, object] = {"item": plan.name, "label": plan.label, "scale": list(plan.scale)}
    if plan.name != "pplhlp":
        facts |= {
            "mean": plan.mean,
            "within_sd": plan.within_sd,
            "interviewer_sd": round(plan.interviewer_sd, 4),
            "icc": plan.icc,
            "share_explained_by_response_rate": round(plan.response_rate**2, 4),
        }
    shares = zip(plan.codes, (plan.refusal, plan.dont_know, plan.no_answer), strict=True)
    return facts | {"missing_code_shares": {str(code): share for code, share in shares}}


def write_csv(path: Path, header: tuple[str, ...], rows: list[list[object]]) -> None:
    """Write rows with the line ends and number formats that every platform agrees on."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def make_example(folder: Path, seed: int = SEED) -> None:
    """Write the three files of the example wave into `folder`."""
    interviewers, respondents, answers, planted = simulate(seed)
    rows, numbers = wave_rows(seed, interviewers, respondents, answers)
    write_csv(folder / "example_wave.csv", COLUMNS + tuple(plan.name for plan in ITEMS), rows)
    facts = zip(interviewers.ids, interviewers.response_rate, interviewers.experience, strict=True)
    known: list[list[object]] = sorted([int(name), float(rate), int(years)] for name, rate, years in facts)
    write_csv(folder / "example_interviewers.csv", ("intnum", "resp_rate", "experience"), known)
    text = json.dumps(truth(seed, numbers[planted]), indent=2)
    (folder / "example_truth.json").write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the example wave.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    make_example(arguments.folder, arguments.seed)
