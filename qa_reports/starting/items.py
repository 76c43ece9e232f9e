"""Which columns are questions on an ordered scale, and from where to where it goes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from qa_reports.starting import words
from qa_reports.starting.columns import Column
from qa_reports.survey.columns import number_text
from qa_reports.survey.label_words import Reason

_FEWEST_POINTS, _MOST_POINTS = 3, 11
_THERMOMETER = 101
"""Points of a scale from 0 to 100, taken only where its two ends are labelled."""
_LEAST_ANSWERED = 0.3
"""Share of the interviews with an answer below which a question was put to some respondents only."""
_MOST_OUTSIDE = 0.02
"""Share of the answers outside the labelled ones above which the labels do not name the scale."""
_LEAST_GRADED = 0.5
"""Share of the answers' labels with a word of degree ("very", "agree") from which a scale is ordered."""
_MOST_UNLABELLED_CODES = 0.35
_NO_SCALE = "numbers without a scale"
_NEAR = 3
"""Columns from a question to one of its sisters, at most."""
_USUAL = 3
"""Questions on one scale from which it counts as the file's usual one."""
_MOST_POINTS_USED = 0.7
_COMMON_SCALES = ((0, 10), (1, 10), (1, 7), (0, 6), (1, 6), (1, 5), (0, 5), (0, 4), (1, 4), (0, 3), (1, 3))
_COMMON_CODES = {6: Reason.NOT_APPLICABLE, 7: Reason.REFUSAL, 8: Reason.DONT_KNOW, 9: Reason.NO_ANSWER}
_CODE = re.compile(r"-[1-9]|-?(66|77|88|99|666|777|888|999|6666|7777|8888|9999)|[6-9]|9[5-8]")


class ItemGuess(Struct, frozen=True):
    """A question that can be examined."""

    name: str
    label: str
    scale: tuple[float, float]
    codes: dict[float, str]
    """Value -> reason, for every value that is no answer."""
    ends: tuple[str, str]
    """The labels of the lowest and the highest answer, "" where there is none."""
    signature: tuple[object, ...]
    """Equal for questions with the same answers to choose from."""
    position: int
    """Place of its column in the file."""
    n_answers: int
    is_attitude: bool
    """Whether its words speak of an opinion, and not of a behaviour or a fact."""
    remarks: tuple[str, ...] = ()
    """What the user should look at, one sentence each."""
    codes_assumed: bool = False
    """Whether no label says what the codes mean, and the usual meanings are assumed."""


class Questions(Struct, frozen=True):
    """The questions found, in the file's order, and why the other columns are none: reason -> number of columns."""

    items: tuple[ItemGuess, ...]
    left_out: tuple[tuple[str, int], ...]


def guess_items(columns: Sequence[Column], taken: frozenset[str], n_interviews: int) -> Questions:
    """Find the questions on an ordered scale among the columns that are not `taken` for something else."""
    items: list[ItemGuess] = []
    left_out = Counter[str]()
    for column in columns:
        if column.name in taken:
            continue
        found = _item_or_reason(column, n_interviews)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            items.append(found)
    items = _like_their_sisters(items, columns, n_interviews)
    unlabelled = frozenset(column.name for column in columns if not column.answer_labels)
    unsure = [column for column in columns if column.name in unlabelled - {item.name for item in items} - taken]
    fitting = [item for column in unsure if (item := _on_the_usual_scale(column, items, unlabelled)) is not None]
    items = sorted([*items, *fitting], key=lambda item: item.position)
    left_out[_NO_SCALE] -= len(fitting)
    items = _with_usual_codes(_widened(items, unlabelled), columns)
    return Questions(tuple(items), tuple((why, n) for why, n in left_out.most_common() if n > 0))


def _like_their_sisters(items: list[ItemGuess], columns: Sequence[Column], n_interviews: int) -> list[ItemGuess]:
    """The same answers with the same code beside the scale in all of several questions, where it is so in one.

    Sisters stand near each other, share all other answers, and the one in question begins with the same two words.
    """
    by_name = {column.name: column for column in columns}
    said = {item.name: by_name[item.name].answer_labels for item in items}
    beside = [(item, own) for item in items if (own := said[item.name].keys() & item.codes.keys())]

    def alike(item: ItemGuess) -> ItemGuess:
        own = said[item.name]
        for sister, values in beside:
            theirs = said[sister.name]
            if (
                0 < abs(sister.position - item.position) <= _NEAR
                and not values & item.codes.keys()
                and own.keys() == theirs.keys()
                and all(_begins_like(own[v], theirs[v], 2 if v in values else None) for v in own)
            ):
                found = _item_or_reason(by_name[item.name], n_interviews, frozenset(values))
                return item if isinstance(found, str) else found
        return item

    return [alike(item) for item in items]


def _begins_like(label: str, other: str, n_words: int | None) -> bool:
    return words.plain(label).split()[:n_words] == words.plain(other).split()[:n_words]


def _item_or_reason(column: Column, n_interviews: int, beside: frozenset[float] = frozenset()) -> ItemGuess | str:
    """The question of a column, or why it is none, in a few words for a list; answers `beside` its scale are known."""
    if column.holds_text or column.holds_times() or not len(column.distinct):
        return "text, times or empty"
    if words.INTERVIEWER.search(column.words) or words.NO_ATTITUDE.search(column.words):
        return "facts about people, households, places or the interview"
    counts = column.value_counts()
    if not counts or any(value % 1 for value in counts):
        return _NO_SCALE
    scale = _labelled_scale(column, counts, beside) if column.answer_labels else _unlabelled_scale(column, counts)
    if isinstance(scale, str):
        return scale
    low, high, codes, remarks = scale
    n_answers = sum(count for value, count in counts.items() if low <= value <= high and value not in codes)
    if n_answers < _LEAST_ANSWERED * n_interviews:
        return "questions that fewer than a third of the respondents answered"
    if sum(low <= value <= high for value in counts) < 2:
        return "the same answer in every interview"
    labels = {value: label for value, label in column.answer_labels.items() if low <= value <= high}
    graded = tuple((value, words.plain(label)) for value, label in labels.items())
    return ItemGuess(
        name=column.name,
        label=column.label,
        scale=(low, high),
        codes=codes,
        ends=(labels.get(low, ""), labels.get(high, "")),
        signature=(low, high, graded if len(labels) > 2 else tuple(value for value, _ in graded)),
        position=column.position,
        n_answers=n_answers,
        is_attitude=bool(words.ATTITUDE.search(column.words)) or 0 < len(labels) < high - low + 1,
        remarks=remarks,
    )


_Scale = tuple[float, float, dict[float, str], tuple[str, ...]]


def _labelled_scale(column: Column, counts: dict[float, int], beside: frozenset[float]) -> _Scale | str:
    """The scale that value labels name: all of its answers, or its ends."""
    labels, codes, remarks = dict(column.answer_labels), dict(column.codes), []
    for value in sorted(beside | set(_beside_the_scale(labels))):
        codes[value] = labels.pop(value)
        remarks.append(f'{number_text(value)} "{codes[value]}" stands beside the scale and counts as no answer')
    if len(labels) < 2:
        return "yes or no, or unordered answers"
    low, high = min(labels), max(labels)
    points = int(high - low) + 1
    texts = [text for label in labels.values() if (text := words.plain(label)) and not text.isdigit()]
    between = points - len(labels)
    only_ends = (
        len(texts) <= 3 and {low, high} <= {v for v, label in labels.items() if words.plain(label)} and points > 4
    )
    if points < _FEWEST_POINTS or (points == 3 and sum(bool(words.YES_NO.fullmatch(text)) for text in texts) >= 2):
        return "yes or no, or unordered answers"
    if points > _THERMOMETER or (points > _MOST_POINTS and not only_ends):
        return "yes or no, or unordered answers"
    if not only_ends and (between or not _is_ordered(texts)):
        return "yes or no, or unordered answers"
    outside = {value: n for value, n in counts.items() if not low <= value <= high and value not in codes}
    if sum(outside.values()) > _MOST_OUTSIDE * sum(counts.values()):
        return _NO_SCALE
    if outside:
        shown = ", ".join(number_text(value) for value in list(outside)[:5])
        remarks.append(f"{shown} in {sum(outside.values())} interviews: outside the scale and set aside")
    return low, high, dict(sorted(codes.items())), tuple(remarks)


def _beside_the_scale(labels: dict[float, str]) -> Iterator[float]:
    """Answers at an end that lie on no scale, such as 5 "Agree with neither" behind 1 to 4, or 7 "No experience"."""
    values = list(labels)
    if len(values) < 4:
        return
    for value in (values[-1], values[0]):
        text = words.plain(labels[value])
        alone = value == values[-1] and value - values[-2] > 1 and not text.isdigit()
        others = [words.plain(label) for other, label in labels.items() if other != value]
        if (
            words.NEITHER.search(text)
            or (words.NEVER_HAD.search(text) and not _is_lowest_degree(others))
            or (alone and len(labels) > 3 and values[-2] - values[0] == len(values) - 2)
        ):
            yield value


def _is_lowest_degree(others: list[str]) -> bool:
    """Whether "have never done it" is an end of the others' scale: of how often, without its own "no" or "never"."""
    has_no = any(words.NO.match(text) for text in others)
    return not has_no and any(words.HOW_OFTEN.search(text) for text in others)


def _is_ordered(texts: list[str]) -> bool:
    """Whether most answers say a degree, and no two say the same."""
    graded = sum(bool(words.GRADED.search(text)) for text in texts)
    short = sum(len(text.split()) <= 8 for text in texts)
    return bool(texts) and graded >= _LEAST_GRADED * len(texts) and short >= 0.7 * len(texts)


def _unlabelled_scale(column: Column, counts: dict[float, int]) -> _Scale | str:
    """Where no answer is labelled: the common scale that holds all numbers but those that look like missing codes."""
    total = sum(counts.values())
    for low, high in sorted(_COMMON_SCALES, key=lambda ends: ends[1] - ends[0]):
        inside = [value for value in counts if low <= value <= high]
        beyond = [value for value in counts if not low <= value <= high]
        ends_used = bool(inside) and (inside[0], inside[-1]) == (low, high)
        # Labelled codes leave answers only; without them a gap would as well be the one before a code.
        used = ends_used and (len(inside) == high - low + 1 or (bool(column.codes) and not beyond))
        few = sum(counts[value] for value in beyond) <= _MOST_UNLABELLED_CODES * total
        if used and few and _look_like_codes(beyond, high, counts):
            return low, high, dict(column.codes) | {value: _usual_reason(value) for value in beyond}, ()
    return _NO_SCALE


def _on_the_usual_scale(column: Column, items: Sequence[ItemGuess], unlabelled: frozenset[str]) -> ItemGuess | None:
    """A question without labels on the scale most others have, of which nobody gave the lowest or highest answers."""
    usual = Counter(item.scale for item in items if item.name in unlabelled).most_common(1)
    counts = column.value_counts()
    if not usual or usual[0][1] < _USUAL or column.holds_text or column.holds_times() or any(v % 1 for v in counts):
        return None
    if words.INTERVIEWER.search(column.words) or words.NO_ATTITUDE.search(column.words):
        return None
    low, high = usual[0][0]
    inside = [value for value in counts if low <= value <= high]
    beyond = [value for value in counts if value not in inside]
    if len(inside) < _MOST_POINTS_USED * (high - low + 1) or not _look_like_codes(beyond, high, counts):
        return None
    n_answers = sum(counts[value] for value in inside)
    if n_answers < _LEAST_ANSWERED * len(column.cells):
        return None
    alike = next(item for item in items if item.name in unlabelled and item.scale == (low, high))
    codes = dict(column.codes) | {value: _usual_reason(value) for value in beyond}
    return replace(
        alike, name=column.name, label=column.label, codes=codes, position=column.position, n_answers=n_answers
    )


def _look_like_codes(values: list[float], high: float, counts: dict[float, int]) -> bool:
    """7, 8, 9 behind a short scale, or 77, 88, 99 behind any, never both; negative numbers.

    A 6, or a number next to the scale that is not rare, is an answer rather than a code.
    """
    positive = [value for value in values if value > 0]
    lengths = {len(number_text(value)) for value in positive}
    if len(lengths) > 1 or not all(_CODE.fullmatch(number_text(value)) for value in values):
        return False
    rare = 0.05 * sum(counts.values())
    return all(value > 10 or (value - high > 1 if value == 6 else value - high > 1 or counts[value] < rare)
               for value in positive)  # fmt: skip


def _with_usual_codes(items: list[ItemGuess], columns: Sequence[Column]) -> list[ItemGuess]:
    """Give questions without any label the codes the file uses behind such scales, seen in this question or not."""
    bare = {column.name for column in columns if not column.answer_labels and not column.codes}
    seen = {code for item in items if item.name in bare for code in item.codes if code > 0}
    long, short = ({code for code in seen if (code > 10) is wanted} for wanted in (True, False))
    full_long = {77.0, 88.0, 99.0} | long if long else set()
    full_short = {7.0, 8.0, 9.0} | short if short else set()

    def completed(item: ItemGuess) -> ItemGuess:
        own = {code for code in item.codes if code > 0}
        is_long = any(code > 10 for code in own) if own else item.scale[1] >= 7
        usual = full_long if is_long else {code for code in full_short if code > item.scale[1] and code > 6}
        codes = {code: _usual_reason(code) for code in usual} | item.codes
        return replace(item, codes=dict(sorted(codes.items())), codes_assumed=bool(codes))

    return [completed(item) if item.name in bare else item for item in items]


def _widened(items: list[ItemGuess], unlabelled: frozenset[str]) -> list[ItemGuess]:
    """Give a scale without labels the lowest answer of most others with its highest: nobody may have said 0."""
    scales = Counter(item.scale for item in items if item.name in unlabelled)

    def widened(item: ItemGuess) -> ItemGuess:
        low, high = item.scale
        if high != 10 or item.name not in unlabelled or scales[(low - 1, high)] <= scales[item.scale]:
            return item
        return replace(item, scale=(low - 1, high), signature=(low - 1, high, *item.signature[2:]))

    return [widened(item) for item in items]


def _usual_reason(value: float) -> str:
    """What a code stands for in most surveys: 7 or 77 refusal, 8 or 88 don't know, 9 or 99 no answer."""
    digits = set(number_text(abs(value)))
    if value > 0 and len(digits) == 1:
        return _COMMON_CODES.get(int(digits.pop()), Reason.MISSING).value
    return Reason.MISSING.value
