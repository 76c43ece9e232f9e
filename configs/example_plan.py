"""What is planted in the example wave: its size, its items, the slope model and two interviewers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
