"""Objects that keep what was computed of them."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

_Result = TypeVar("_Result")


class Computed:
    """An object with a dictionary of what was computed of it, by name."""

    __slots__ = ()

    computed: dict[Hashable, Any]

    def _once(self, name: Hashable, compute: Callable[[], _Result]) -> _Result:
        """Return what `compute` returns, computed on first use."""
        if name not in self.computed:
            self.computed[name] = compute()
        return cast(_Result, self.computed[name])
