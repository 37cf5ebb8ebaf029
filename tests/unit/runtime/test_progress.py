"""Steps of a run: what is counted, the time left, log lines, and words."""

import logging
import threading
from collections.abc import Iterator

import pytest

from bids_ari.runtime import progress
from bids_ari.runtime.progress import Step, counting, step, titled, track, watched_by
from bids_ari.runtime.progress_text import log_line, terminal_line, time_in_words
from bids_ari.stats.progress import counter


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Seen:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.steps: list[Step] = []
        self.all: list[str] = []
        self.n_advanced = 0

    def entered(self, each: Step) -> None:
        self.steps.append(each)
        self.all.append(" > ".join(one.what for one in self.steps))

    def left(self, each: Step) -> None:
        self.steps.remove(each)

    def advanced(self) -> None:
        self.n_advanced += 1


@pytest.fixture
def seen() -> Iterator[Seen]:
    watcher = Seen()
    with watched_by(watcher):
        yield watcher


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestTimeLeft:
    def test_none_before_there_is_a_rate(self, clock: Clock) -> None:
        each = Step("reading maps", "map", 30, clock=clock)
        clock.now += 5
        assert each.seconds_left(clock.now) is None

    def test_of_units_in_a_row(self, clock: Clock) -> None:
        """Two in 10 s, 5 s each; 2 s of the third have passed, so that 3 + 7 * 5 s are left."""
        each = Step("reading maps", "map", 10, clock=clock)
        for _ in range(2):
            clock.now += 5
            each.advance()
        clock.now += 2
        assert each.seconds_left(clock.now) == pytest.approx(38)

    def test_a_unit_that_takes_longer_does_not_count_down_the_others(self, clock: Clock) -> None:
        each = Step("reading maps", "map", 10, clock=clock)
        clock.now += 5
        each.advance()
        clock.now += 60
        assert each.seconds_left(clock.now) == pytest.approx(8 * 5)

    def test_of_units_at_the_same_time(self, clock: Clock) -> None:
        """Three workers, 12 contrasts of 6 s each: four rounds, 24 s, of which 7 have passed."""
        each = Step("contrasts", "contrast", 12, n_workers=3, clock=clock)
        clock.now += 6
        for _ in range(3):
            each.advance()
        clock.now += 1
        assert each.seconds_left(clock.now) == pytest.approx(17)

    def test_after_the_first_of_several_workers(self, clock: Clock) -> None:
        """The others have been at work as long: not thrice as much is left."""
        each = Step("contrasts", "contrast", 12, n_workers=3, clock=clock)
        clock.now += 6
        each.advance()
        assert each.seconds_left(clock.now) == pytest.approx(18)

    def test_the_first_batch_waits_for_compilation(self, clock: Clock) -> None:
        """Of 1,000, the first 100 took 20 s, the next 200 took 4 s: 700 take 14 s."""
        each = Step("permutations", "permutation", clock=clock)
        advance = each.begin(1000)
        clock.now += 20
        advance(100)
        assert each.seconds_left(clock.now) is None
        for _ in range(2):
            clock.now += 2
            advance(100)
        assert each.seconds_left(clock.now) == pytest.approx(14)

    def test_a_second_computation_counts_anew(self, clock: Clock) -> None:
        each = Step("permutations", "permutation", clock=clock)
        each.begin(100)(100)
        each.begin(50)(20)
        assert (each.done, each.total) == (20, 50)


class TestSteps:
    def test_those_within_others(self, seen: Seen) -> None:
        with step("outer"), step("inner", "permutation") as inner:
            counter(8)(3)
            assert (inner.done, inner.total) == (3, 8)
        assert seen.all == ["outer", "outer > inner"]
        assert seen.steps == []
        assert seen.n_advanced == 1

    def test_items_are_counted_when_they_are_done(self, seen: Seen) -> None:
        amounts = [seen.steps[0].done for _ in track("abc", "letters", "letter", 3)]
        assert amounts == [0, 1, 2]
        assert seen.steps == []

    def test_they_end_with_an_error(self, seen: Seen) -> None:
        with pytest.raises(ZeroDivisionError), step("division"):
            1 / 0  # noqa: B018
        assert seen.steps == []

    def test_those_of_other_threads_are_not_seen(self, seen: Seen) -> None:
        def work() -> None:
            with step("picture"):
                pass

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert seen.all == []

    @pytest.mark.parametrize(("seconds", "n"), [(1.9, 0), (2.1, 1)])
    def test_long_ones_are_logged(
        self, seconds: float, n: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, clock: Clock
    ) -> None:
        monkeypatch.setattr(progress.time, "monotonic", clock)
        monkeypatch.setattr(progress, "LONG", 2.0)
        with caplog.at_level(logging.INFO, logger="bids_ari"), titled("faces"):
            each = Step("maps", "map", 2, clock=clock)
            assert each.title == "faces"
            with counting("contrasts", "contrast", 1, is_logged=False), step("reading maps") as one:
                one.began = clock.now
                clock.now += seconds
        assert [record.getMessage() for record in caplog.records] == [f"faces: reading maps: {seconds} s"] * n


class TestWords:
    @pytest.fixture
    def steps(self, clock: Clock) -> list[Step]:
        """The second of two contrasts, with 450 of 1,000 permutations."""
        outer = Step("analysing contrasts", "contrast", 2, clock=clock)
        clock.now += 100
        outer.advance()
        inner = Step("calibration", "permutation", clock=clock)
        advance = inner.begin(1000)
        advance(50)
        for _ in range(4):
            clock.now += 10
            advance(100)
        return [outer, inner]

    def test_on_a_terminal(self, steps: list[Step], clock: Clock) -> None:
        line = terminal_line(steps, [], clock.now, 120)
        assert line.startswith("contrast 2 of 2 (60 s left) · calibration  █████████░░░░░░░░░░░ 450 of 1,000 (45%), ")
        assert line.endswith(" s left")

    def test_without_unicode(self, steps: list[Step], clock: Clock) -> None:
        assert terminal_line(steps, [], clock.now, 120, has_blocks=False).isascii()

    @pytest.mark.parametrize("width", [1, 10, 40, 79, 80, 100])
    def test_it_fits_the_terminal(self, steps: list[Step], width: int, clock: Clock) -> None:
        assert len(terminal_line(steps, [], clock.now, width)) < width

    def test_a_narrow_terminal_shows_the_innermost_step(self, steps: list[Step], clock: Clock) -> None:
        lines = [terminal_line(steps, [], clock.now, width) for width in (120, 90, 70, 50)]
        assert ["(60 s left)" in line for line in lines] == [True, False, False, False]
        assert ["█" in line for line in lines] == [True, True, False, False]
        assert ["contrast 2 of 2" in line for line in lines] == [True, True, True, False]
        assert all("450 of 1,000 (45%), " in line and line.endswith("s left") for line in lines)

    def test_in_a_log(self, steps: list[Step], clock: Clock) -> None:
        line = log_line(steps, [], clock.now)
        assert line.startswith("contrast 2 of 2 (60 s left); calibration: 450 of 1,000 (45%), ")

    def test_of_workers(self, clock: Clock) -> None:
        outer = Step("analysing contrasts", "contrast", 9, n_workers=2, clock=clock)
        line = log_line(
            [outer], [Step("reading maps", clock=clock), Step("permutations", total=4, clock=clock)], clock.now
        )
        assert line == "analysing contrasts: 0 of 9 (0%), 1 s so far; 2 running: reading maps, permutations 0%"

    def test_of_workers_in_a_narrow_terminal(self, clock: Clock) -> None:
        outer = Step("analysing contrasts", "contrast", 9, n_workers=2, clock=clock)
        line = terminal_line([outer], [Step("writing maps and tables", clock=clock)] * 2, clock.now, 79)
        assert line == "analysing contrasts: 0 of 9 (0%), 1 s so far · 2 running: writing maps and ta…"

    def test_of_a_number_that_is_not_known(self, clock: Clock) -> None:
        each = Step("searching for maps", "folder", clock=clock)
        advance = each.begin(0)
        advance(1200)
        clock.now += 12
        assert log_line([each], [], clock.now) == "searching for maps: 1,200 folders, 12 s so far"

    def test_durations(self) -> None:
        assert [time_in_words(seconds) for seconds in (0, 89.4, 90, 5340, 5430)] == [
            *("1 s", "89 s", "2 min", "89 min", "1 h 30 min")
        ]
