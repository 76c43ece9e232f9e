"""Operating characteristics of the flags: whole simulated waves through everything that decides about a flag.

`python -m tests.effects.flag_characteristics [SERIES [WAVES [FOLDER]]]` writes the tables of docs/simulations-flags.md,
or of one series. With a folder the judged waves are kept there, and a second run goes on where the first ended.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from qa_reports.effects.damage import measure_damages
from qa_reports.effects.estimate import ItemEffects, estimate_items
from qa_reports.effects.indicator_effects import IndicatorModel, JudgedIndicators, estimate_indicators
from qa_reports.effects.vanish import settle_flags
from qa_reports.indicators.collect import measure_indicators
from qa_reports.survey.clean import Survey
from tests.effects.oracle import level_oracle, slope_oracle
from tests.effects.waves import (
    FLAT,
    STEEP,
    Design,
    Planted,
    alike,
    config,
    copies,
    forget_code,
    make_wave,
    refuse,
    shift,
    speed,
    straightline,
    turn,
)

WAVES = 200
NOMINAL = 0.5
"""Normal interviewers flagged per wave that the rules are made for."""
OTHER_RULES = (
    "95 % interval excludes 0",
    "abs(EBLUP / diagnostic_se) > 2",
    "mean beyond 1.5 IQR",
    "EBLUP beyond 1.5 IQR",
    "85 % identical answers",
)
_MINIMUM = 5

UNIT_FLAT = np.sqrt(FLAT.residual) / 2.1
"""Scale points per point: a slope that is off by one residual standard deviation per standard deviation of x."""


@dataclass(frozen=True, slots=True)
class Series:
    """Waves of one design with the same planted interviewers."""

    what: str
    design: Design = field(default_factory=Design)
    planted: tuple[Planted, ...] = ()


SERIES = {
    "clean": Series("150 interviewers"),
    "found": Series(
        "five planted interviewers per wave",
        planted=(
            Planted("near-duplicates", copies, "duplicates"),
            Planted("half of the usual minutes", speed(0.5), "speeding"),
            Planted("a third of the usual spread", alike(1 / 3), "spread"),
            Planted("straightlining", straightline, "straightlining"),
            Planted("refusals", refuse, "nonresponse"),
        ),
    ),
    "others": Series(
        "three planted slopes, refusals and a code that nobody declared",
        Design(slopes=True, nonresponse=0.7),
        (
            Planted("slope off by 2.6 residual sd per sd of x", turn(FLAT, -2.6 * UNIT_FLAT), "slope"),
            Planted("slope reversed, .8 to -.8", turn(STEEP, -1.6), "slope"),
            Planted("flat slope where .14 is usual", turn(FLAT, -0.14), "slope"),
            Planted("refusals, interviewers who differ more in them", refuse, "nonresponse", (20, 25)),
            Planted("undeclared code", forget_code, "missing_code"),
        ),
    ),
    "levels": Series(
        "five planted levels per wave",
        planted=(
            Planted("1 sd on six items of different batteries", shift("spread", 1.0), "level"),
            Planted("the same, 12 interviews", shift("spread", 1.0), "level", (12, 12)),
            Planted("1 sd on six items of one battery, 12 interviews", shift("together", 1.0), "level", (12, 12)),
            Planted("the same, 20 interviews", shift("together", 1.0), "level", (20, 20)),
            Planted("1.6 sd on one item", shift("one", 1.6), "level"),
        ),
    ),
    "heavy tails": Series("interviewer effects with t(4) tails", Design(tails=4)),
    "icc .30": Series("ICC .30 of every item", Design(icc=(0.3, 0.3))),
    "20 interviewers": Series("20 interviewers, 227 interviews", Design(20, 227)),
    "1,000 interviewers": Series("1,000 interviewers, 11,350 interviews", Design(1000, 11_350)),
    "workloads to 100": Series("workloads 1 to 100", Design(most=100)),
    "spreads": Series("interviewers differ in spread, sd of log sd .2", Design(tau=0.2)),
    "skewed": Series("45 % zeros, .88 in one of four, events of 3 %", Design(shape="skewed")),
}


ORACLES = {
    "1 sd on six items of different batteries": level_oracle("spread", 1.0),
    "the same, 12 interviews": level_oracle("spread", 1.0),
    "1 sd on six items of one battery, 12 interviews": level_oracle("together", 1.0),
    "the same, 20 interviews": level_oracle("together", 1.0),
    "1.6 sd on one item": level_oracle("one", 1.6),
    "flat slope where .14 is usual": slope_oracle(FLAT, -0.14),
}
"""What a test that knows all parameters and what was planted would find."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say of one wave; interviewers by position."""

    seed: int
    expected: float
    """`expected_by_chance` of the report."""
    expected_cells: float
    n_judged: int
    flags: tuple[tuple[int, str, str], ...]
    """(interviewer, severity, kind) in the report's order."""
    others: dict[str, list[int]]
    """What other rules would flag."""
    nonresponse_icc: float

    def first_kind(self, interviewer: int) -> str | None:
        """The first kind that an interviewer is flagged for."""
        return next((kind for j, _, kind in self.flags if j == interviewer), None)

    @property
    def worth_a_call(self) -> set[int]:
        """Interviewers with a flag that is not a matter of data preparation."""
        return {j for j, severity, _ in self.flags if severity != "data_preparation"}


def judge(seed: int, series: Series) -> Judged:
    """Make a wave and put it through the pipeline's own functions, without what only a report needs."""
    options = config(series.design)
    survey = make_wave(seed, series.design, series.planted)
    indicators = estimate_indicators(survey, measure_indicators(survey, options))
    items = estimate_items(survey, options, judgement_only=True)
    flags = settle_flags(survey, items, measure_damages(survey, options), options, indicators=lambda: indicators)
    position = {name: int(name) - 1 for name in survey.interviewer_ids}
    total = next((e for e in indicators.effects if e.measure.name == "nonresponse"), None)
    return Judged(
        seed=seed,
        expected=flags.expected_by_chance.interviewers,
        expected_cells=flags.expected_by_chance.cells,
        n_judged=sum(not verdict.too_few for verdict in flags.interviewers),
        flags=tuple((position[flag.interviewer], flag.severity, flag.kind) for flag in flags.flags),
        others=other_rules(survey, [item for item in items if isinstance(item, ItemEffects)], indicators),
        nonresponse_icc=total.model.icc if total is not None and isinstance(total.model, IndicatorModel) else 0.0,
    )


def other_rules(survey: Survey, items: Sequence[ItemEffects], indicators: JudgedIndicators) -> dict[str, list[int]]:
    """Interviewers with enough interviews whom simple rules flag, on any item."""
    j = len(survey.interviewer_ids)
    found = {name: np.zeros(j, dtype=bool) for name in OTHER_RULES}
    answers = {item.name: item.answers for item in survey.items}
    for item in items:
        effects = item.judging.effects
        eblup, rows = effects.eblup[:, 0], effects.interviewer
        enough = effects.n_interviews >= _MINIMUM
        values = answers[item.item][item.judging.rows]
        mean = np.bincount(item.judging.interviewer, values, j)[rows] / effects.n_interviews
        with np.errstate(divide="ignore", invalid="ignore"):
            beyond = {
                OTHER_RULES[0]: np.abs(eblup) > 1.96 * effects.conditional_sd[:, 0],
                OTHER_RULES[1]: np.abs(eblup) > 2 * effects.diagnostic_se[:, 0],
                OTHER_RULES[2]: _outside_box(mean, enough),
                OTHER_RULES[3]: _outside_box(eblup, enough),
            }
        for name, out in beyond.items():
            found[name][rows] |= out & enough
    match = next(measure for measure in indicators.measured.measures if measure.name == "largest_match")
    found[OTHER_RULES[4]][np.unique(survey.interviewer[match.values >= 0.85])] = True
    return {name: [int(survey.interviewer_ids[k]) - 1 for k in np.flatnonzero(who)] for name, who in found.items()}


def _outside_box(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    low, high = np.quantile(values[of], [0.25, 0.75])
    reach = 1.5 * (high - low)
    return np.asarray((values < low - reach) | (values > high + reach))


def judged_waves(name: str, waves: int, folder: Path | None = None) -> Iterator[Judged]:
    """The waves of a series, those kept in `folder` first. Seeds follow from the series and the number of the wave."""
    first = 100_000 * (1 + list(SERIES).index(name))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    kept = None if folder is None else _kept(folder, name)
    done = 0
    if kept is not None and kept.exists():
        for line in kept.read_text().splitlines()[:waves]:
            stored = json.loads(line)
            yield Judged(**(stored | {"flags": tuple((j, severity, kind) for j, severity, kind in stored["flags"])}))
            done += 1
    for seed in range(first + done, first + waves):
        one = judge(seed, SERIES[name])
        if kept is not None:
            with kept.open("a") as file:
                file.write(json.dumps(asdict(one)) + "\n")
        yield one


def _kept(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(' ', '-').replace(',', '')}.jsonl"


# Tables


def page(waves: int, folder: Path | None) -> Iterator[str]:
    """The tables of docs/simulations-flags.md."""
    yield from normal_table([name for name, series in SERIES.items() if not series.planted], waves, folder)
    yield ""
    yield from planted_table([name for name, series in SERIES.items() if series.planted], waves, folder)
    yield ""
    yield from comparison(("found", "levels"), waves, folder)


def normal_table(names: Iterable[str], waves: int, folder: Path | None) -> Iterator[str]:
    """Flagged interviewers per wave of normal ones, and what the report said chance would do."""
    yield "| Waves of normal interviewers | waves | flagged per wave | critical | `expected_by_chance` | kinds |"
    yield "|---|---|---|---|---|---|"
    for name in names:
        judged = list(judged_waves(name, waves, folder))
        flagged = np.array([len(wave.worth_a_call) for wave in judged])
        expected = np.mean([wave.expected for wave in judged])
        critical = np.mean([len({j for j, severity, _ in wave.flags if severity == "critical"}) for wave in judged])
        kinds = Counter(wave.first_kind(j) for wave in judged for j in wave.worth_a_call)
        shown = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
        error = flagged.std() / np.sqrt(len(judged))
        yield (
            f"| {SERIES[name].what} | {len(judged)} | {flagged.mean():.2f} \u00b1 {error:.2f} | {critical:.2f} "
            f"| {expected:.2f} | {shown} |"
        )


def planted_table(names: Iterable[str], waves: int, folder: Path | None) -> Iterator[str]:
    """Who of the planted is found, and under which name."""
    yield "| Planted | interviews | waves | found | right kind first | oracle | others flagged per wave |"
    yield "|---|---|---|---|---|---|---|"
    alpha = _false_alarms(waves, folder)
    for name in names:
        series, judged = SERIES[name], list(judged_waves(name, waves, folder))
        others = np.mean([len({j for j in wave.worth_a_call if j >= len(series.planted)}) for wave in judged])
        for j, one in enumerate(series.planted):
            kinds = [wave.first_kind(j) for wave in judged]
            found = sum(kind is not None for kind in kinds)
            right = f"{sum(kind == one.kind for kind in kinds) / found:.0%}" if found else "\u2013"
            low, high = one.workload
            oracle = ORACLES.get(one.name)
            sizes = range(low, high + 1)
            best = f"{np.mean([oracle(n, alpha) for n in sizes]):.0%}" if oracle else "\u2013"
            size = f"{low}" if low == high else f"{low} to {high}"
            share = _share(found, len(judged))
            yield f"| {one.name} | {size} | {len(judged)} | {share} | {right} | {best} | {others:.2f} |"


def _false_alarms(waves: int, folder: Path | None) -> float:
    """The rate at which oracles are compared: flagged in the clean waves that are kept, else nominal."""
    kept = folder is not None and _kept(folder, "clean").exists()
    judged = list(judged_waves("clean", waves, folder)) if kept else []
    if not judged:
        return NOMINAL / 130
    return sum(len(wave.worth_a_call) for wave in judged) / sum(wave.n_judged for wave in judged)


def comparison(names: Sequence[str], waves: int, folder: Path | None) -> Iterator[str]:
    """Precision and recall of these rules and of others, on the same waves."""
    judged = {name: list(judged_waves(name, waves, folder)) for name in ("clean", *names)}
    heads = "".join(f" {SERIES[name].what}: precision | recall |" for name in names)
    yield f"| Rule | flagged per normal wave |{heads}"
    yield "|---|---|" + "---|---|" * len(names)
    for rule in ("these rules", *OTHER_RULES):
        row = f"| {rule} | {np.mean([len(_flagged_by(rule, wave)) for wave in judged['clean']]):.1f} |"
        for name in names:
            planted = set(range(len(SERIES[name].planted)))
            flagged = [_flagged_by(rule, wave) for wave in judged[name]]
            hits, all_flagged = sum(len(who & planted) for who in flagged), sum(map(len, flagged))
            precision = f"{hits / all_flagged:.0%}" if all_flagged else "\u2013"
            row += f" {precision} | {hits / (len(planted) * len(flagged)):.0%} |"
        yield row


def _flagged_by(rule: str, wave: Judged) -> set[int]:
    return wave.worth_a_call if rule == "these rules" else set(wave.others[rule])


def _share(found: int, of: int) -> str:
    """A share with its standard error; by the rule of succession where it would be 0."""
    smoothed = (found + 1) / (of + 2)
    return f"{found / of:.0%} \u00b1 {100 * np.sqrt(smoothed * (1 - smoothed) / of):.1f}"


def main() -> None:
    """Write all tables, or that of one series."""
    name, waves, folder = (*sys.argv[1:], *(None,) * 3)[:3]
    count, kept = int(waves or WAVES), Path(folder) if folder else None
    if name in (None, "all"):
        lines = page(count, kept)
    else:
        lines = (planted_table if SERIES[str(name)].planted else normal_table)([str(name)], count, kept)
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
