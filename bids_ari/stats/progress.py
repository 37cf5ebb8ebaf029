"""How far a computation is: its batches report to the caller, who may listen or not.

A computation knows neither terminals nor logs. It asks for a `counter` once, before its first batch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Advance = Callable[[int], None]
"""Reports how many more units are done; may be called from any thread."""

_LISTENER: ContextVar[Callable[[int], Advance] | None] = ContextVar("listener", default=None)


def counter(total: int) -> Advance:
    """Return a function that reports how many more of `total` units are done."""
    listener = _LISTENER.get()
    return _ignore if listener is None else listener(total)


@contextmanager
def listening(listener: Callable[[int], Advance]) -> Iterator[None]:
    """Have computations within a block report to a listener, which is called with the total of each."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def _ignore(n: int) -> None:
    """Report to nobody."""
