"""The search for garbage is paused while modules are imported, and finds later what it would have found."""

import gc
import weakref
from collections.abc import Iterator
from contextlib import suppress

import pytest

from bids_ari.runtime.collector import keep_imports, no_collection


class Node:
    """An object that refers to itself."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    was_enabled = gc.isenabled()
    yield
    gc.unfreeze()
    if was_enabled:
        gc.enable()


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_paused_and_then_as_before(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    with suppress(ImportError), no_collection():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled() is enabled


def test_garbage_is_found_later() -> None:
    with no_collection():
        garbage = weakref.ref(Node())
    gc.collect()
    assert garbage() is None


def test_a_command_skips_what_it_imported() -> None:
    keep_imports.cache_clear()
    skipped = weakref.ref(Node())
    keep_imports()
    later = weakref.ref(Node())
    keep_imports()
    gc.collect()
    assert (skipped() is not None, later() is None) == (True, True)


def test_what_the_caller_froze_stays_frozen() -> None:
    gc.freeze()
    n_frozen = gc.get_freeze_count()
    with no_collection():
        pass
    assert gc.get_freeze_count() == n_frozen > 0
