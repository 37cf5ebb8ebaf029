"""Steps in words, with a clock that is set by hand."""

import pytest

from bids_ari.runtime.progress import Step
from bids_ari.runtime.progress_text import in_workers, log_line, percent, state, terminal_line, time_in_words


def step(what: str, unit: str = "", total: int = 0, *, done: int = 0, n_workers: int = 1, seconds: float = 8.0) -> Step:
    """A step that began at 0, of which some units were done at a time."""
    times = iter([0.0, seconds])
    each = Step(what, unit, total, n_workers=n_workers, clock=lambda: next(times))
    if done:
        each.advance(done)
    return each


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "1 s"),
        (89.4, "89 s"),
        (90.0, "2 min"),  # 1.5, to the even number
        (89.4 * 60, "89 min"),
        (89.6 * 60, "1 h 30 min"),
        (120 * 60, "2 h 0 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert time_in_words(seconds) == words


def test_parts_are_rounded_down() -> None:
    """What is not done is never 100 %."""
    assert percent(step("x", "map", 3, done=2)) == "66%"
    assert percent(step("x", "map", 1000, done=999)) == "99%"
    assert percent(step("x", "map", 3, done=3)) == "100%"


def test_the_time_left_is_that_of_the_units_that_are_not_done() -> None:
    """Four of ten took 8 s; six more, of 2 s each, are left."""
    each = step("x", "map", 10, done=4)
    assert state(each, 8.0) == "4 of 10 (40%), 12 s left"
    assert state(each, 10.0) == "4 of 10 (40%), 10 s left"


def test_before_there_is_a_rate_the_time_so_far_is_shown() -> None:
    assert state(step("x", "map", 2000), 5.0) == "0 of 2,000 (0%), 5 s so far"


def test_without_a_total_units_are_counted() -> None:
    assert state(step("x", "file"), 5.0) == "5 s so far"
    assert state(step("x", "file", done=1), 9.0) == "9 s so far"
    assert state(step("x", "file", done=1200), 9.0) == "1,200 files, 9 s so far"


OUTER = ("contrasts", "contrast", 3)
INNER = ("permutations", "permutation", 50)


def test_a_terminal_shows_as_much_as_fits() -> None:
    """Ten of fifty in 8 s: 40 units of 0.8 s are left; the first of three contrasts took 8 s."""
    steps = [step(*OUTER, done=1), step(*INNER, done=10)]
    bar = "█" * 4 + "░" * 16
    whole = f"contrast 2 of 3 (16 s left) · permutations  {bar} 10 of 50 (20%), 32 s left"
    shorter = [
        f"contrast 2 of 3 · permutations  {bar} 10 of 50 (20%), 32 s left",
        "contrast 2 of 3 · permutations: 10 of 50 (20%), 32 s left",
        "permutations: 10 of 50 (20%), 32 s left",
    ]
    for line in (whole, *shorter):
        assert terminal_line(steps, [], 8.0, len(line) + 1) == line
    longer = [whole, *shorter[:-1]]
    assert [terminal_line(steps, [], 8.0, len(line)) for line in longer] == shorter
    assert terminal_line(steps, [], 8.0, 15) == "permutations:…"


def test_a_line_leaves_the_last_column_of_any_terminal_free() -> None:
    steps = [step(*OUTER, done=1), step(*INNER, done=10)]
    for has_blocks in (True, False):
        lines = [terminal_line(steps, [], 8.0, width, has_blocks=has_blocks) for width in range(100)]
        assert all(len(line) <= max(width - 1, 0) for width, line in enumerate(lines))
        assert all(line.isascii() for line in lines if not has_blocks)
    assert lines[-1] == "contrast 2 of 3 (16 s left) | permutations  ####................ 10 of 50 (20%), 32 s left"


def test_a_line_of_a_log_begins_with_the_contrast() -> None:
    steps = [step(*OUTER), step(*INNER, done=10)]
    assert log_line(steps, [], 8.0) == "contrast 1 of 3; permutations: 10 of 50 (20%), 32 s left"
    steps[-1].title = "faces"
    assert log_line(steps, [], 8.0) == "faces: contrast 1 of 3; permutations: 10 of 50 (20%), 32 s left"


def test_no_more_contrasts_run_than_are_left() -> None:
    assert in_workers(step("x", "contrast", 9, done=8, n_workers=3), []) == ["1 running"]
    assert in_workers(step("x", "contrast", 9, done=9, n_workers=3), []) == []
    assert in_workers(step("x", "contrast", 9, done=1), []) == []
    running = [step(what, "map", 4, done=1) for what in ("reading", "smoothing", "reading", "drawing")]
    assert in_workers(step("x", "contrast", 9, n_workers=4), running) == ["4 running: reading 25%, 25%, smoothing 25%"]
