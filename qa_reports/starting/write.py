"""A draft as a commented YAML file that a field manager reads from top to bottom."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from qa_reports.config.yaml_text import yaml_text
from qa_reports.errors import one_line
from qa_reports.starting.batteries import BatteryGuess
from qa_reports.starting.covariates import CovariateGuess
from qa_reports.starting.draft import Draft
from qa_reports.starting.items import ItemGuess
from qa_reports.starting.lines import WIDTH, cut, entry_lines, remark_lines, remarked
from qa_reports.starting.roles import Guess
from qa_reports.survey.columns import number_text

SCHEMA_FILE = "qa-report.schema.json"
"""The schema for editors, beside the configuration: yaml-language-server resolves a bare name from there."""
_FEWEST_IN_GROUP = 3
_WELL_ANSWERED = 0.75
"""Share of answers from which it is not worth a remark."""


def write_config(draft: Draft, file_name: str) -> str:
    """The whole file; `file_name` is what it will be called."""
    parts = (
        _head(draft, file_name),
        _survey(draft),
        _data(draft),
        _missing_codes(draft),
        _interviewers(draft),
        _respondents(draft),
        _items(draft),
        _batteries(draft),
        _rest(),
    )
    return "\n".join("\n".join(part) + "\n" for part in parts)


def _head(draft: Draft, file_name: str) -> Iterator[str]:
    yield f"# yaml-language-server: $schema={SCHEMA_FILE}"
    yield "#"
    yield from remark_lines(
        f'A first configuration for {draft.file}, written by `qa-report init`. Everything after a "#" is a remark. '
        "Each line is a guess with what speaks for it: read from top to bottom, compare with the questionnaire, and "
        "correct what is wrong. Then"
    )
    yield "#"
    yield from (f"#   {line}" for line in _commands(shlex.quote(one_line(file_name))))
    yield "#"
    yield from remark_lines("`qa-report schema` and docs/configuration.md say what else can stand here.")


def _commands(file_name: str) -> tuple[str, str]:
    first = f"qa-report check {file_name}"
    return f"{first}   says in seconds what would be examined, and what is lost to what", (
        f"{f'qa-report {file_name}':<{len(first)}}   makes the report"
    )


def _survey(draft: Draft) -> Iterator[str]:
    yield "# What the report is about, as it should be printed."
    yield "survey:"
    yield from remarked(f"  name: {yaml_text(draft.name)}", "write the name of the survey")
    if draft.wave is None:
        yield "  # wave: Round 1"
    else:
        yield f"  wave: {yaml_text(draft.wave)}"
    if draft.country is not None:
        yield f"  country: {yaml_text(draft.country)}"


def _data(draft: Draft) -> Iterator[str]:
    roles = draft.roles
    yield "# The survey file, one row per interview, and the columns that are not questions."
    yield "data:"
    labelled = f", {draft.n_labelled:,} of them labelled" if draft.n_labelled else ", none with a label"
    yield from remarked(
        f"  file: {yaml_text(draft.file)}", f"{draft.n_interviews:,} interviews, {draft.n_columns:,} columns{labelled}"
    )
    if draft.rows is not None:
        yield from remarked(f"  read: {{{draft.rows.entries}}}", draft.rows.evidence)
    if draft.codebook is not None:
        yield from remarked(f"  codebook: {yaml_text(draft.codebook)}", "has the labels and the missing codes")
    if draft.join is not None:
        yield "  join:"
        on = ", ".join(yaml_text(column) for column in draft.join.on)
        yield from remarked(f"    - {{file: {yaml_text(draft.join.file)}, on: [{on}]}}", draft.join.evidence)
    yield from _role("respondent", roles.respondent, "the column that tells interviews apart; row numbers stand in")
    yield from _role("interviewer", roles.interviewer, "")
    yield from _role("weight", roles.weight, "the survey weight")
    yield from _role("area", roles.area, "the sampling point or area, to tell interviewers from areas")
    yield from _role("team", roles.team, "who supervises whom, to sort the call list by team")
    if roles.duration is None:
        yield "  # duration: {minutes: COLUMN} or {start: COLUMN, end: COLUMN}   no column found for it"
    else:
        times = roles.duration.duration.model_dump(exclude_none=True)
        entries = ", ".join(f"{key}: {yaml_text(column)}" for key, column in times.items())
        yield from remarked(f"  duration: {{{entries}}}", roles.duration.evidence)


def _role(key: str, guess: Guess | None, meaning: str) -> Iterator[str]:
    if guess is None:
        yield f"  # {key}: COLUMN   no column found for {meaning}"
        return
    label = f'"{cut(guess.label)}"; ' if guess.label else ""
    yield from remarked(f"  {key}: {yaml_text(guess.column)}", label + guess.evidence)


def _missing_codes(draft: Draft) -> Iterator[str]:
    if not draft.default_codes and draft.n_declared:
        source = "the codebook" if draft.codebook is not None else "the survey file"
        yield from remark_lines(
            f"Answers that are no answers: {source} itself declares them for {draft.n_declared:,} of the "
            f"{len(draft.items):,} questions below. A question with other codes names its own; here could stand those "
            "of all that have none, for example:"
        )
        yield "# missing_codes: {77: Refusal, 88: Don't know, 99: No answer}"
        yield from _code_groups(draft)
        return
    if not draft.default_codes:
        yield from remark_lines(
            "Answers that are no answers. No label names any that hold for most questions; add them here if the "
            "questionnaire has some, for example:"
        )
        yield "# missing_codes: {77: Refusal, 88: Don't know, 99: No answer}"
        yield from _code_groups(draft)
        return
    assumed = any(item.codes_assumed for item in draft.items if item.name not in draft.own_codes)
    yield from remark_lines(
        f"Answers that are no answers, in {draft.n_with_default:,} of the {len(draft.items):,} questions below; a "
        "question with other codes names its own."
        + (" No label says what they mean: the usual meanings are assumed, compare with the questionnaire."
           if assumed else "")
    )  # fmt: skip
    yield from _wrapped_codes("missing_codes", draft.default_codes, "")
    yield from _code_groups(draft)


def _code_groups(draft: Draft) -> Iterator[str]:
    """The codes that several of the chosen questions share instead of the default ones."""
    groups = _grouped(draft)
    if not groups:
        return
    yield ""
    yield "# Questions that share other codes."
    yield "missing_code_groups:"
    for items in groups:
        yield from _wrapped_list("  - items", [item.name for item in items], "  ")
        yield from _wrapped_codes("missing_codes", items[0].codes, "    ")


def _grouped(draft: Draft) -> list[list[ItemGuess]]:
    """The chosen questions that need codes of their own, those with the same codes together, single ones left out."""
    by_codes: dict[tuple[tuple[float, str], ...], list[ItemGuess]] = {}
    for item in draft.items:
        if item.name in draft.chosen & draft.own_codes:
            by_codes.setdefault(tuple(item.codes.items()), []).append(item)
    return [items for items in by_codes.values() if len(items) >= _FEWEST_IN_GROUP]


def _interviewers(draft: Draft) -> Iterator[str]:
    yield from remark_lines(
        "What is known about the interviewers. The report says how much of the differences between them each of these "
        "explains; none of them hides an interviewer who stands out."
    )
    if not draft.interviewer_covariates:
        yield "# interviewers: {file: interviewers.csv, covariates: [experience]}   no column found in the survey file"
        return
    yield "interviewers:"
    yield "  covariates:"
    for guess in draft.interviewer_covariates:
        yield from _covariate(guess, "    ")


def _respondents(draft: Draft) -> Iterator[str]:
    yield from remark_lines(
        "How respondents differ anyway: interviewers are compared as if they had interviewed the same kind of people."
    )
    if not draft.respondent_covariates:
        yield "# respondent_covariates: [age, {name: gender, type: categorical}]   no column found"
        return
    yield "respondent_covariates:"
    for guess in draft.respondent_covariates:
        yield from _covariate(guess, "  ")


def _covariate(guess: CovariateGuess, indent: str) -> Iterator[str]:
    fields = [f"name: {yaml_text(guess.name)}"]
    if guess.label != guess.name:
        fields.append(f"label: {yaml_text(guess.label)}")
    if guess.type == "categorical":
        fields.append("type: categorical")
    if guess.codes:
        fields.append(f"missing_codes: {_codes(guess.codes)}")
    yield from entry_lines(fields, guess.evidence, indent)


def _items(draft: Draft) -> Iterator[str]:
    n_chosen, n_all = len(draft.chosen), len(draft.items)
    some = f'{n_chosen:,} of them are examined to begin with, the others stand behind a "#" further down.'
    yield from remark_lines(
        f"The questions. {n_all:,} columns look like questions with answers in order; "
        f"{'all of them are examined.' if n_chosen == n_all else some} `scale` is the lowest and the highest answer: "
        "what lies outside and is no missing code is set aside and reported."
    )
    yield "items:"
    chosen = [item for item in draft.items if item.name in draft.chosen]
    for line in _listed(chosen, draft):
        yield f"  {line}"
    if n_chosen < n_all:
        yield ""
        yield from remark_lines('Further questions: to examine one, take away its "#" and the blank behind it.', "  ")
        others = [item for item in draft.items if item.name not in draft.chosen]
        for line in _listed(others, draft):
            yield f"  # {line}" if line else ""
    if draft.as_text:
        yield ""
        yield from remark_lines(
            "Questions whose answers stand as text: to examine one, put its answers in their order, the lowest first, "
            'and take away its "#" and the blank behind it.',
            "  ",
        )
        for question in draft.as_text:
            fields = [f"name: {yaml_text(question.name)}"]
            fields.append(f"categories: [{', '.join(yaml_text(answer) for answer in question.answers)}]")
            if question.codes:
                codes = ", ".join(f"{yaml_text(text)}: {yaml_text(reason)}" for text, reason in question.codes)
                fields.append(f"missing_codes: {{{codes}}}")
            yield from (f"  # {line}" for line in entry_lines(fields, "", "", WIDTH - 4))
    if draft.left_out:
        yield ""
        yield from remark_lines(
            "Columns that are left out: " + "; ".join(f"{n:,} with {why}" for why, n in draft.left_out) + ".", "  "
        )


def _listed(items: Sequence[ItemGuess], draft: Draft) -> Iterator[str]:
    """Items in the file's order, each grid together under a heading of its own."""
    grids = {item.name: grid for grid in draft.batteries for item in grid.items}
    in_groups = {item.name for group in _grouped(draft) for item in group}
    names = {item.name for item in items}
    listed: set[str] = set()
    for item in items:
        if item.name in listed:
            continue
        grid = grids.get(item.name)
        together = [item] if grid is None else [one for one in grid.items if one.name in names]
        shared = set.intersection(*(set(one.remarks) for one in together)) if grid is not None else set()
        if grid is not None:
            heading = "; ".join([f"{grid.name}: {grid.evidence}{_ends(item, ': ')}", *sorted(shared)])
            yield from remark_lines(heading, "", width=WIDTH - 4)
        for one in together:
            remarks = [] if grid is not None else [_ends(one, "")]
            remarks += [_answered(one, draft.n_interviews), *(text for text in one.remarks if text not in shared)]
            if one.codes_assumed and draft.n_declared:
                remarks.append("no label says what its codes mean: compare with the questionnaire")
            yield from _item(one, one.name in draft.own_codes - in_groups, "; ".join(filter(None, remarks)))
            listed.add(one.name)


def _answered(item: ItemGuess, n_interviews: int) -> str:
    """How many answered, where many did not."""
    share = item.n_answers / n_interviews
    return f"{share:.0%} answered" if share < _WELL_ANSWERED else ""


def _ends(item: ItemGuess, before: str) -> str:
    if not any(item.ends):
        return ""
    low, high = (
        f'{number_text(value)} "{cut(label, 40)}"' if label else number_text(value)
        for value, label in zip(item.scale, item.ends, strict=True)
    )
    return f"{before}{low} to {high}"


def _item(item: ItemGuess, own_codes: bool, remark: str) -> Iterator[str]:
    fields = [f"name: {yaml_text(item.name)}"]
    if item.label != item.name:
        fields.append(f"label: {yaml_text(item.label)}")
    low, high = (number_text(end) for end in item.scale)
    fields.append(f"scale: [{low}, {high}]")
    if own_codes:
        fields.append(f"missing_codes: {_codes(item.codes)}")
    yield from entry_lines(fields, remark, "", WIDTH - 4)


def _batteries(draft: Draft) -> Iterator[str]:
    yield from remark_lines(
        "Questions that are asked as one grid with the same answers to choose from. The names are for the report: "
        "change them as you like."
    )
    complete = [grid for grid in draft.batteries if all(item.name in draft.chosen for item in grid.items)]
    others = [grid for grid in draft.batteries if grid not in complete]
    if complete:
        yield "batteries:"
    else:
        yield "# batteries:"
    for grid in complete:
        yield from _grid(grid, "  ")
    if others:
        if complete:
            yield "  # Grids of further questions:"
        for grid in others:
            yield from _grid(grid, "  # ")


def _grid(grid: BatteryGuess, indent: str) -> Iterator[str]:
    names = ", ".join(yaml_text(item.name) for item in grid.items)
    one = f"{indent}- {{name: {yaml_text(grid.name)}, items: [{names}]}}"
    if len(one) <= WIDTH:
        yield one
        return
    yield f"{indent}- name: {yaml_text(grid.name)}"
    yield from _wrapped_list(f"{indent}  items", [item.name for item in grid.items], indent)


def _wrapped_list(key: str, names: Sequence[str], indent: str) -> Iterator[str]:
    """A list in brackets behind its key; where it is too long, its further lines stand under it."""
    text = f"{key}: [{', '.join(yaml_text(name) for name in names)}]"
    under = f"{indent}    "
    yield from textwrap.wrap(text, WIDTH, subsequent_indent=under, break_long_words=False, break_on_hyphens=False)


def _rest() -> Iterator[str]:
    yield from remark_lines(
        "Of the interviewers shown as critical, at most this share is there by chance; nobody with fewer interviews is "
        "judged."
    )
    yield "flags: {false_discovery_rate: 0.05, min_interviews: 5}"
    yield ""
    yield "# What to write: any of html (interactive, one file), pdf, json (every number), xlsx (the same as tables)."
    yield "report: {formats: [html, pdf, json, xlsx]}"
    yield ""
    yield '# To keep every wave\'s report and compare it with the next, take away the "#":'
    yield "# archive: {folder: archive}"


def _wrapped_codes(key: str, codes: Mapping[float, str], indent: str) -> Iterator[str]:
    one = f"{indent}{key}: {_codes(codes)}"
    if len(one) <= WIDTH:
        yield one
        return
    yield f"{indent}{key}:"
    yield from (f"{indent}  {number_text(code)}: {yaml_text(reason)}" for code, reason in codes.items())


def _codes(codes: Mapping[float, str]) -> str:
    return f"{{{', '.join(_code_entries(codes.items()))}}}"


def _code_entries(codes: Iterable[tuple[float, str]]) -> Iterator[str]:
    return (f"{number_text(code)}: {yaml_text(reason)}" for code, reason in codes)
