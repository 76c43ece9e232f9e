"""What is said of a flagged interviewer: short, in scale points, with the items counted."""

from __future__ import annotations

from qa_reports.effects.sentences import level_sentence, spread_sentence

ADJUSTED = ("age", "gender", "education")


def test_one_item() -> None:
    assert level_sentence(18, [("Trust in the police", -1.62)], 1, 22, "0 to 10", ADJUSTED) == (
        "In 18 interviews, answers to “Trust in the police” lie 1.6 points below those of colleagues (scale 0 to 10), "
        "after allowing for age, gender and education."
    )


def test_one_interview() -> None:
    assert level_sentence(1, [("Fair", -1.62)], 1, 22, "0 to 10", ()).startswith(
        "In 1 interview, answers to “Fair” lie "
    )


def test_a_battery_is_named_as_one() -> None:
    others = [("Helpful", -0.9), ("Fair", 0.8)]
    assert level_sentence(18, others, 7, 22, "0 to 10", (), ("Trust", 5, -1.6)) == (
        "In 18 interviews, answers to the 5 items of “Trust” lie on average 1.6 points below those of colleagues "
        "(scale 0 to 10); also below on “Helpful” and above on “Fair”; 7 of 22 items stand out."
    )


def test_many_items_are_counted() -> None:
    many = [("A", 1.0), ("B", 0.9), ("C", 0.8), ("D", -0.7)]
    assert level_sentence(18, many, 4, 22, "", ()).endswith("; 4 of 22 items stand out, 3 above, 1 below.")
    assert level_sentence(18, many[:3], 3, 22, "", ()).endswith("; also above on “B” and “C”; 3 of 22 items stand out.")
    upward = [*many[:3], ("D", 0.7)]
    assert level_sentence(18, upward, 4, 22, "", ()).endswith("; 4 of 22 items stand out, all above.")


def test_spread() -> None:
    assert spread_sentence(29, 0.74, None, ["A", "B", "C", "D"]) == (
        "In 29 interviews, answers are more alike than in other interviewers' interviews (spread 74% of usual), most "
        "clearly on “A”, “B” and 2 more items."
    )
    assert "answers to “A” vary more" in spread_sentence(29, 1.4, "A", [])
