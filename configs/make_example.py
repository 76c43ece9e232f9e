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
conditions, checks them with lme4 and finds the seed again. What is planted stands in ``example_plan.py``.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from example_plan import (
    CODE_INTERVIEWER,
    CODE_WORKLOAD,
    COVARIANCE,
    FACTOR_LOADING,
    GENERAL_LOADING,
    INTERCEPT,
    INTERCEPT_VARIANCE,
    ITEMS,
    LARGEST_WORKLOAD,
    LEVEL_INTERVIEWER,
    LEVEL_WORKLOAD,
    N_INTERVIEWERS,
    N_INTERVIEWS,
    PEOPLE_SHIFT,
    POLICE_MEAN,
    POSITION,
    REGIONS,
    RESIDUAL_VARIANCE,
    SEED,
    SHARED,
    SLOPE,
    SLOPE_VARIANCE,
    TEN,
    truth,
)
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


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
