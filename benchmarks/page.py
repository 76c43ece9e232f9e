"""What the report's files weigh and cost: `python -m benchmarks.page [CONFIG.yaml ...] [--loads 7]`.

Without configurations the example wave and one of 1,000 interviewers x 22 items are measured. Seconds of the files
are processor time of one core, in a process that has made each once before. A page is loaded by Chromium from the disk;
ready is when its script has run and the browser has painted after it, counted from the start of the navigation.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from benchmarks.waves import WavePlan, write_wave
from qa_reports import pipeline
from qa_reports.config import read_config
from qa_reports.progress import Silent
from qa_reports.report.excel import results_xlsx
from qa_reports.report.pdf import render_pdf
from qa_reports.report.render import render_html
from qa_reports.report.results import results_json
from qa_reports.report.summarise import ReportSummary

CHROMIUM = "/usr/bin/chromium"
READY = """() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => resolve({
  ready: performance.now(),
  script: performance.getEntriesByName("qa-report-ready")[0].startTime,
  parsed: performance.getEntriesByType("navigation")[0].responseEnd,
  nodes: document.getElementsByTagName("*").length,
}))))"""


class Summarised(Exception):
    """The pipeline has come as far as is needed."""


def summary_of(config: Path) -> tuple[ReportSummary, dict[str, object]]:
    """Everything that the files of a configuration's report show."""
    found: list[tuple[ReportSummary, dict[str, object]]] = []

    def remember(summary: ReportSummary, document: dict[str, object], *_: object) -> dict[str, bytes]:
        found.append((summary, document))
        raise Summarised

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(pipeline, "report_files", remember),
        contextlib.suppress(Summarised),
    ):
        pipeline.make_report(read_config(config), Path(folder) / "report", None, Silent(sys.stderr))
    return found[0]


def timed(make: Callable[[], bytes]) -> tuple[bytes, float]:
    """What is made, and the processor seconds of the better of two runs after a first."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        made = make()
        seconds.append(time.process_time() - start)
    return made, min(seconds[1:])


def measure_files(config: Path, folder: Path) -> Path:
    """Print what each file weighs and costs; the page, written into the folder."""
    summary, document = summary_of(config)
    results = results_json(document)
    makers: dict[str, Callable[[], bytes]] = {
        "report.html": lambda: render_html(summary).encode(),
        "report.pdf": lambda: render_pdf(summary, results),
        "results.json": lambda: results_json(document),
        "results.xlsx": lambda: results_xlsx(document),
    }
    for name, make in makers.items():
        made, seconds = timed(make)
        print(f"{config.stem:12} {name:13} {len(made) / 1e6:6.2f} MB {seconds:6.2f} s")
        (folder / name).write_bytes(made)
    return folder / "report.html"


def measure_loading(page: Path, loads: int) -> None:
    """Print how long a page takes to load, by the clock and in processor seconds of the browser's main thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        found = []
        for _ in range(loads):
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tools = tab.context.new_cdp_session(tab)
            tools.send("Performance.enable", {"timeDomain": "threadTicks"})
            tab.goto(page.as_uri())
            times = {name: value / 1000 for name, value in tab.evaluate(READY).items()}
            metrics = tools.send("Performance.getMetrics")["metrics"]
            found.append(times | {one["name"]: one["value"] for one in metrics})
            tab.close()
        browser.close()
    for part in ("script", "ready", "TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration"):
        values = [one[part] for one in found]
        name = part.replace("Duration", " (processor)")
        print(f"{'':12} {name:24} best {min(values):.2f} s, median {statistics.median(values):.2f} s of {loads} loads")
    print(f"{'':12} {'elements':24} {1000 * found[0]['nodes']:,.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the files of reports, and how their pages load.")
    parser.add_argument("config", type=Path, nargs="*")
    parser.add_argument("--loads", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        example = Path(__file__).parent.parent / "configs" / "example.yaml"
        for config in given.config or (example, write_wave(folder / "large", WavePlan(), "large")):
            measure_loading(measure_files(config, folder), given.loads)
