"""The one place where numbers are rounded: every function turns a value into the text a reader sees.

None and NaN become an en dash; minus signs are real ones (U+2212): columns align and screen readers say them.
"""

from __future__ import annotations

import datetime
import math
import unicodedata
from collections.abc import Callable, Sequence

from qa_reports.effects.intervals import Interval

NOTHING = "\u2013"
MINUS = "\u2212"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SPELLED = str.maketrans({"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"})
"""Letters that do not come apart into one of ASCII and its accent."""
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def _absent(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _fixed(value: float, decimals: int) -> str:
    """Fixed decimals, thousands separators, a real minus sign, and never a negative zero."""
    text = f"{value:,.{decimals}f}"
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.,") else MINUS + text[1:]
    return text


def integer(value: float | None) -> str:
    """1703 -> "1,703"."""
    return NOTHING if value is None or _absent(value) else _fixed(value, 0)


def estimate(value: float | None) -> str:
    """An estimate with the digits that mean something: three decimals, fewer when large, more when small."""
    if value is None or _absent(value):
        return NOTHING
    size = abs(value)
    if size == 0:
        return "0"
    if size < 1e-6:
        return scientific(value)
    if size < 0.0995:
        return _fixed(value, 2 - math.floor(math.log10(size)))
    return _fixed(value, 0 if size >= 10_000 else 1 if size >= 100 else 2 if size >= 10 else 3)


def scientific(value: float | None) -> str:
    """2.1e-09 -> 2.1 times 10⁻⁹; 0 stays "0"."""
    if value is None or _absent(value):
        return NOTHING
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    power = str(int(exponent)).translate(SUPERSCRIPTS)
    return f"{mantissa.replace('-', MINUS)} \u00d7 10{power}"


def points(value: float | None) -> str:
    """Scale points for a field manager: one decimal."""
    return NOTHING if value is None or _absent(value) else _fixed(value, 1)


def signed(value: float | None, decimals: int = 2) -> str:
    """A deviation with its sign, "+" included: +1.60."""
    if value is None or _absent(value):
        return NOTHING
    text = _fixed(value, decimals)
    return text if text.startswith(MINUS) or not text.strip("0.,") else f"+{text}"


def percent(share: float | None) -> str:
    """A share as a percentage: 0.021 -> "2.1%", 0.171 -> "17%"; small shares are not rounded to nothing."""
    if share is None or _absent(share):
        return NOTHING
    value = 100 * share
    if 0 < abs(value) < 0.05:
        return "<0.1%" if value > 0 else f">{MINUS}0.1%"
    return f"{_fixed(value, 1 if abs(value) < 9.95 and value != 0 else 0)}%"


def percent_points(share: float | None) -> str:
    """A difference of two shares in percentage points, with its sign: 0.021 -> "+2.1"."""
    return NOTHING if share is None or _absent(share) else signed(100 * share, 1)


def change(ratio: float | None) -> str:
    """A ratio of after to before as a change in percent: 1.03 -> "+3.0%"."""
    if ratio is None or _absent(ratio):
        return NOTHING
    text = percent(ratio - 1)
    return f"+{text}" if ratio > 1 and not text.startswith("<") else text


def interval(value: Interval | None) -> str:
    """A confidence interval: "0.41 to 0.98"."""
    if value is None or _absent(value.lower) or _absent(value.upper):
        return NOTHING
    return f"{estimate(value.lower)} to {estimate(value.upper)}"


def percent_interval(value: Interval | None) -> str:
    """A confidence interval of a share: "5.2% to 14%"."""
    if value is None or _absent(value.lower) or _absent(value.upper):
        return NOTHING
    return f"{percent(value.lower)} to {percent(value.upper)}"


def p_value(value: float | None) -> str:
    """0.035 -> ".035", 0.00002 -> "<.001"."""
    if value is None or _absent(value):
        return NOTHING
    if value < 0.001:
        return "<.001"
    if value > 0.999:
        return ">.999"
    return f"{value:.3f}".lstrip("0")


def ratio(value: float | None) -> str:
    """A factor or a test statistic: two decimals."""
    return NOTHING if value is None or _absent(value) else _fixed(value, 2)


def degrees(value: float | None) -> str:
    """Degrees of freedom: one decimal."""
    return points(value)


def log_likelihood(value: float | None) -> str:
    """Four decimals, as lme4's users compare them."""
    return NOTHING if value is None or _absent(value) else _fixed(value, 4)


def expected(value: float | None) -> str:
    """An expected count, with how exact it is: "about 0.5"; below 0.05 "fewer than 0.1"."""
    if value is None or _absent(value):
        return NOTHING
    return "fewer than 0.1" if value < 0.05 else f"about {_fixed(value, 0 if value >= 9.95 else 1)}"


def answer(value: float | str | None) -> str:
    """An answer or a code as the respondent gave it: 88.0 -> "88", 2.5 -> "2.5"; text stays text."""
    if isinstance(value, str):
        return value
    if value is None or _absent(value):
        return NOTHING
    text = f"{value:.10g}"
    return text.replace("-", MINUS)


def calendar_date(value: datetime.date) -> str:
    """2026-03-01 -> "1 March 2026", whatever the machine's locale."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def variance_of(term: str) -> str:
    """A random term in words: "intercept" -> "intercept variance", "slope:agea" -> "slope variance (agea)"."""
    name, _, predictor = term.partition(":")
    return f"{name} variance ({predictor})" if predictor else f"{name} variance"


def count_of(value: float, singular: str, plural: str | None = None) -> str:
    """A count with its noun: "1 answer", "1,703 interviews"."""
    return f"{integer(value)} {singular if value == 1 else plural or singular + 's'}"


def listing(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def plain_letters(text: str) -> str:
    """Letters without what ASCII lacks, for names of files: "Köln, Süd" is "Koln, Sud"; other scripts are left out."""
    spelled = text.translate(_SPELLED)
    return unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode("ascii")


def template_filters() -> dict[str, Callable[..., str]]:
    """The filters the templates know, by name."""
    return {
        "integer": integer,
        "estimate": estimate,
        "scientific": scientific,
        "points": points,
        "signed": signed,
        "percent": percent,
        "percent_points": percent_points,
        "change": change,
        "interval": interval,
        "percent_interval": percent_interval,
        "p_value": p_value,
        "ratio": ratio,
        "degrees": degrees,
        "log_likelihood": log_likelihood,
        "expected": expected,
        "answer": answer,
        "calendar_date": calendar_date,
        "variance_of": variance_of,
        "count_of": count_of,
        "listing": listing,
    }
