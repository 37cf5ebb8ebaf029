"""White pictures in a process that a test starts, as `builders_white` has them; Python imports this when it starts."""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from typing import Any

from builders_white import DRAWING, have_white_pictures


class _Finder:
    """The finder of the module that draws; once it is loaded, what it draws with is replaced."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != DRAWING:
            return None
        sys.meta_path.remove(self)
        spec: Any = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_replace(module: Any) -> None:
            load(module)
            have_white_pictures()

        spec.loader.exec_module = load_and_replace
        return spec  # type: ignore[no-any-return]


if __name__ == "sitecustomize":  # not where tests are collected
    sys.meta_path.insert(0, _Finder())
