"""Questions within subjects: weights of levels, and their names."""

import pytest

from bids_ari.bids.questions import Question, differences, read_questions
from bids_ari.errors import UsageError

LEVELS = ("ses-1", "ses-2", "ses-3")


def test_a_row_of_weights_and_several() -> None:
    found = dict(read_questions(["trend=-1,0,1", "both = -1,1,0 ; 0,-1,1", "part=-1/2,-0.5,1"], LEVELS))
    assert found["trend"] == ((-1.0, 0.0, 1.0),)
    assert found["both"] == ((-1.0, 1.0, 0.0), (0.0, -1.0, 1.0))
    assert found["part"] == ((-0.5, -0.5, 1.0),)


def test_an_average_is_a_question_too() -> None:
    """Weights of 0 or more with the sum 1; rows of averages ask whether any level has an effect."""
    found = dict(read_questions(["mean=1/3,1/3,1/3", "any=1,0,0;0,1,0;0,0,1"], LEVELS))
    assert sum(found["mean"][0]) == pytest.approx(1)
    assert len(found["any"]) == 3


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("trend=-1,1", "2 weights"),
        ("trend=-1,0,1,0", "4 weights"),
        ("trend=-1,0,2", "the sum 1"),
        ("trend=1,1,1", "the sum 3"),
        ("trend=2,-1,0", "the sum 1"),
        ("trend=0,0,0", "are 0"),
        ("trend=-1,x,1", "'x'"),
        ("trend=-1,1/0,1", "'1/0'"),
        ("trend=-1,,1", "''"),
        ("trend=", "''"),
        ("trend=1e9,0,-1e9", "'1e9'"),
        ("a b=-1,0,1", "named 'a b'"),
        ("=-1,0,1", "named ''"),
        ("x=-1,0,1;1,0,-1", "depend on each other"),
        ("x=-1,0,1;;", None),
    ],
)
def test_weights_that_cannot_be_used(text: str, part: str | None) -> None:
    if part is None:
        assert len(list(read_questions([text], LEVELS))) == 1
        return
    with pytest.raises(UsageError) as caught:
        list(read_questions([text], LEVELS))
    assert part in caught.value.found


def test_names_must_differ_by_letters() -> None:
    with pytest.raises(UsageError, match="Trend and trend"):
        list(read_questions(["Trend=-1,0,1", "trend=1,0,-1"], LEVELS))


def test_words_and_labels() -> None:
    question = Question("", "session", LEVELS, differences(3))
    assert question.text == "any difference between ses-1, ses-2 and ses-3"
    assert question.sums == ("ses-2 minus ses-1", "ses-3 minus ses-1")
    assert question.labels == ("ses2MinusSes1", "ses3MinusSes1")
    assert question.weights_by_level() == [{"ses-1": -1, "ses-2": 1}, {"ses-1": -1, "ses-3": 1}]
    named = Question("late", "session", LEVELS, ((-0.5, -0.5, 1.0), (1.0, -1.0, 0.0)))
    assert named.sums == ("-0.5 x ses-1 - 0.5 x ses-2 + ses-3", "ses-1 minus ses-2")
    assert named.labels == ("row1", "ses1MinusSes2")
    assert (question.noun, named.noun) == ("differences", "differences")
    levels = Question("any", "session", LEVELS, ((1.0, 0.0, 0.0), (0.0, 0.5, 0.5)))
    assert (levels.sums, levels.labels) == (("ses-1", "0.5 x ses-2 + 0.5 x ses-3"), ("ses1", "row2"))
    assert levels.noun == "weighted sums"
    thirds = Question("", "session", LEVELS, ((1 / 3, 2 / 3, -1.0), (0.3333, 0.6667, -1.0)))
    assert thirds.sums == ("1/3 x ses-1 + 2/3 x ses-2 - ses-3", "0.3333 x ses-1 + 0.6667 x ses-2 - ses-3")
    alike = Question("", "time", ("time a-b", "time ab", "time c"), ((-1.0, 0.0, 1.0), (0.0, -1.0, 1.0)))
    assert alike.labels == ("row1", "row2")
    assert named.text == "any of -0.5 x ses-1 - 0.5 x ses-2 + ses-3; ses-1 minus ses-2"
