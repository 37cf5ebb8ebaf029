"""Steps in words: one line for a terminal, and lines for a log."""

from collections.abc import Sequence

from bids_ari.errors import plural_of
from bids_ari.runtime.progress import Step

_BAR = 20  # columns
_MOST_RUNNING = 3  # steps of workers that are shown


def time_in_words(seconds: float) -> str:
    """Return a duration in words.

    >>> [time_in_words(seconds) for seconds in (0.2, 59.6, 89, 600, 7300)]
    ['1 s', '60 s', '89 s', '10 min', '2 h 2 min']
    """
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def amount(each: Step) -> str:
    """Return how many units of a step are done; empty where nothing is counted.

    >>> amount(Step("reading maps", "map", 30))
    '0 of 30'
    """
    return f"{each.done:,} of {each.total:,}" if each.total else ""


def state(each: Step, now: float) -> str:
    """Return how far a step is, and the time left; before there is a rate, and without counts, the time so far."""
    left = each.seconds_left(now)
    when = f"{time_in_words(each.seconds(now))} so far" if left is None else f"{time_in_words(left)} left"
    if each.total <= 1:  # nothing is counted, a single unit, or the total is not known
        n = f"{each.done:,} {plural_of(each.unit)}, " if each.done > 1 else ""
        return n + when
    return f"{amount(each)} ({percent(each)}), {when}"


def percent(each: Step) -> str:
    """Return the part of the units that are done, rounded down."""
    return f"{100 * each.done // each.total}%"


def terminal_line(
    steps: Sequence[Step], running: Sequence[Step], now: float, width: int, *, has_blocks: bool = True
) -> str:
    """Return steps on one line: the innermost with a bar, after those around it; in a narrow terminal, less of it.

    Parameters
    ----------
    steps : sequence of Step
        Each within the one before; at least one.
    running : sequence of Step
        The innermost steps of worker processes.
    now : float
        The time in seconds.
    width : int
        Columns of the terminal; the line leaves the last one free.
    has_blocks : bool
        Whether the terminal shows Unicode blocks.
    """
    *around, last = steps
    what, now_done = last.what, state(last, now)
    bar = f"{what}  {_bar(last, has_blocks)} {now_done}" if last.total > 1 else f"{what}: {now_done}"
    outer = [_outer(each, now) for each in around if each.total > 1]
    brief = [_outer(each, now, has_time=False) for each in around if each.total > 1]
    workers = in_workers(last, running)
    plain = f"{what}: {now_done}"
    best = ([*outer, bar], [*brief, bar], [*brief, plain], [plain])
    lines = [(" · " if has_blocks else " | ").join([*parts, *workers]) for parts in best]
    line = next((each for each in lines if len(each) < width), lines[-1])
    if len(line) >= width:
        dots = "…" if has_blocks else "..."
        line = line[: max(width - 1 - len(dots), 0)] + dots
    return line[: max(width - 1, 0)]


def log_line(steps: Sequence[Step], running: Sequence[Step], now: float) -> str:
    """Return steps on one line of a log."""
    *around, last = steps
    parts = [*(_outer(each, now) for each in around if each.total > 1), f"{last.what}: {state(last, now)}"]
    title = f"{last.title}: " if last.title else ""
    return title + "; ".join([*parts, *in_workers(last, running)])


def in_workers(each: Step, running: Sequence[Step]) -> list[str]:
    """Return how many units of a step are worked on by worker processes, and what these do, as far as it is known.

    >>> some = [Step("reading maps"), Step("permutations", total=4), Step("permutations", total=4)]
    >>> in_workers(Step("contrasts", total=9, n_workers=3), some)
    ['3 running: reading maps, permutations 0%, 0%']
    """
    if each.n_workers == 1:
        return []
    n = min(each.n_workers, each.total - each.done)
    alike: dict[str, list[str]] = {}
    for one in running[:_MOST_RUNNING]:
        alike.setdefault(one.what, []).extend([percent(one)] if one.total > 1 else [])
    shown = [f"{what} {', '.join(amounts)}".rstrip() for what, amounts in alike.items()]
    return [f"{n} running" + (f": {', '.join(shown)}" if shown else "")] if n else []


def _outer(each: Step, now: float, *, has_time: bool = True) -> str:
    """Return a step around another one: the number of the unit that is worked on, and the time left."""
    left = each.seconds_left(now) if has_time else None
    when = f" ({time_in_words(left)} left)" if left is not None else ""
    return f"{each.unit} {min(each.done + 1, each.total):,} of {each.total:,}{when}"


def _bar(each: Step, has_blocks: bool) -> str:
    """Return a bar with the part that is done."""
    done = min(_BAR * each.done // each.total, _BAR)
    full, empty = ("█", "░") if has_blocks else ("#", ".")
    return full * done + empty * (_BAR - done)
