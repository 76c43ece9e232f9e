"""Simulated waves of any size, with their configuration, for every benchmark that needs more than the example wave.

    python benchmarks/waves.py FOLDER [interviews] [interviewers] [items] [csv|parquet]

The items are questions from 0 to 10 in batteries of five that share a factor, with an interviewer effect (ICC
1 to 12 %) and 3 % missing codes; one interviewer in a hundred is shifted on one battery. Blocks are made one after the
other, so that ten million interviews need the memory of one block.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

BLOCK = 500_000
"""Interviews made at once."""
BATTERY = 5
REFUSAL, DONT_KNOW = 77, 88
SHIFT = 1.5
"""Scale points by which one interviewer in a hundred moves a battery."""


@dataclass(frozen=True, slots=True)
class WavePlan:
    """What a simulated wave is like."""

    interviews: int = 20_000
    interviewers: int = 1_000
    items: int = 22
    seed: int = 1
    name: str = "Simulated survey"
    country: str | None = None

    @property
    def item_names(self) -> list[str]:
        """Names of the items."""
        return [f"q{number:03d}" for number in range(1, self.items + 1)]


def wave_blocks(plan: WavePlan) -> Iterator[pd.DataFrame]:
    """The interviews in blocks: idno, intnum, region, minutes, age, gender, and the items with their codes."""
    rng = np.random.default_rng(plan.seed)
    iccs = np.linspace(0.01, 0.12, plan.items) if plan.items > 1 else np.array([0.05])
    effects = rng.normal(size=(plan.interviewers, plan.items)) * 2.2 * np.sqrt(iccs)
    for interviewer in range(7, plan.interviewers, 100):
        start = BATTERY * int(rng.integers(0, -(-plan.items // BATTERY)))
        effects[interviewer, start : start + BATTERY] += SHIFT
    region = rng.integers(1, 9, plan.interviewers)
    # A share of the interviews each, from a quarter to several times the mean, and at least one.
    share = rng.gamma(3.0, size=plan.interviewers) + 0.2
    for start in range(0, plan.interviews, BLOCK):
        n = min(BLOCK, plan.interviews - start)
        who = rng.choice(plan.interviewers, n, p=share / share.sum())
        if start == 0 and n >= plan.interviewers:
            who[: plan.interviewers] = np.arange(plan.interviewers)
        age = rng.integers(18, 95, n)
        answers = effects[who] + 5 + 0.01 * (age[:, None] - 50)
        batteries = -(-plan.items // BATTERY)
        answers += 1.3 * np.repeat(rng.normal(size=(n, batteries)), BATTERY, axis=1)[:, : plan.items]
        answers += np.sqrt(1 - iccs) * 1.8 * rng.normal(size=(n, plan.items))
        coded = np.clip(np.rint(answers), 0, 10).astype(np.int8)
        lottery = rng.random((n, plan.items))
        coded[lottery < 0.03] = DONT_KNOW
        coded[lottery < 0.01] = REFUSAL
        known = {
            "idno": np.arange(start + 1, start + n + 1),
            "intnum": 100_000 + who,
            "region": region[who],
            "minutes": np.rint(np.exp(4 + 0.25 * rng.normal(size=n))).astype(np.int64),
            "age": age,
            "gender": rng.integers(1, 3, n),
        }
        yield pd.DataFrame(known | dict(zip(plan.item_names, coded.T, strict=True)))


def config_text(plan: WavePlan, file: str) -> str:
    """The configuration of a wave whose interviews stand in `file`."""
    items = [{"name": name, "label": f"Question {name[1:]}", "scale": [0, 10]} for name in plan.item_names]
    batteries = [plan.item_names[start : start + BATTERY] for start in range(0, plan.items, BATTERY)]
    survey = {"name": plan.name, "wave": "1"} | ({} if plan.country is None else {"country": plan.country})
    document = {
        "survey": survey,
        "data": {
            "file": file,
            "respondent": "idno",
            "interviewer": "intnum",
            "team": "region",
            "duration": {"minutes": "minutes"},
        },
        "missing_codes": {REFUSAL: "Refusal", DONT_KNOW: "Don't know"},
        "respondent_covariates": ["age", {"name": "gender", "type": "categorical"}],
        "items": items,
        "batteries": [
            {"name": f"Battery {number}", "items": names}
            for number, names in enumerate(batteries, start=1)
            if len(names) > 2
        ],
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def write_wave(folder: Path, plan: WavePlan, name: str = "wave", form: str = "csv") -> Path:
    """Write a wave and its configuration into a folder; the configuration's path."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.{form}"
    if form == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        blocks = (pa.Table.from_pandas(block, preserve_index=False) for block in wave_blocks(plan))
        first = next(blocks)
        with pq.ParquetWriter(file, first.schema) as writer:
            writer.write_table(first)
            for block in blocks:
                writer.write_table(block)
    else:
        with file.open("w", encoding="utf-8", newline="") as target:
            for number, block in enumerate(wave_blocks(plan)):
                block.to_csv(target, index=False, header=number == 0, lineterminator="\n")
    config = folder / f"{name}.yaml"
    config.write_text(config_text(plan, file.name), encoding="utf-8")
    return config


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a simulated wave and its configuration.")
    parser.add_argument("folder", type=Path)
    for option, default in (("interviews", 20_000), ("interviewers", 1_000), ("items", 22)):
        parser.add_argument(option, type=int, nargs="?", default=default)
    parser.add_argument("form", choices=("csv", "parquet"), nargs="?", default="csv")
    given = parser.parse_args()
    print(write_wave(given.folder, WavePlan(given.interviews, given.interviewers, given.items), form=given.form))
