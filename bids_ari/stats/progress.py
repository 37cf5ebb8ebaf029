"""How far a computation is: its batches report to the listener of the caller, if there is one.

Computations depend on neither terminals nor logs. Each calls `counter` once, before its first batch.
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
    """Set the listener of computations within a block, which is called with the total of each."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def _ignore(n: int) -> None:
    """Do nothing: there is no listener."""
