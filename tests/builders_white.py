"""White pictures in place of drawn ones: to draw takes most of the time of a small analysis.

Nothing else of a run is replaced: which pictures there are, their sizes and titles, and what pages say of them.
"""

import importlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

PATH = os.pathsep.join(str(Path(__file__).with_name("white_pictures") / other) for other in ("", ".."))
"""A PYTHONPATH with which a process of its own, and those that it starts, have white pictures."""

DRAWING = "bids_ari.report.figures.draw"
"""The module that imports all that draw."""


class Patch(Protocol):
    """What replaces an attribute, as `setattr` or that of a monkeypatch."""

    def __call__(self, target: Any, name: str, value: Any, /) -> None: ...


def white(size: tuple[int, int], title: str, subtitle: str, fill: Callable[[Any], None]) -> Any:
    """Return a canvas that becomes a white PNG of its size with its titles in a comment: a replacement of `drawn`."""
    canvas: Any = importlib.import_module("bids_ari.report.figures.canvas")

    class White(canvas.Canvas):  # type: ignore[misc, name-defined]
        def png(self) -> bytes:
            from PIL import Image
            from PIL.PngImagePlugin import PngInfo

            info, file = PngInfo(), io.BytesIO()
            info.add_text("title", f"{title}\n{subtitle}".encode(errors="backslashreplace").decode())
            Image.new("1", size, 1).save(file, "png", pnginfo=info, compress_level=1)
            return file.getvalue()

    return White(size, title, subtitle)


def template() -> Any:
    """Return a box of the size of the MNI152 template, which takes a second to import."""
    import nibabel as nib
    import numpy as np

    underlay: Any = importlib.import_module("bids_ari.report.figures.underlay")
    values = np.pad(np.full((15, 19, 17), 255, dtype=np.uint8), 1)
    affine = nib.affines.from_matvec(np.diag([10, 10, 10]), [-80, -115, -80])
    ends = nib.affines.apply_affine(affine, [[1, 1, 1], [15, 19, 17]])
    return underlay.Template(values, underlay.Grid.of(nib.Nifti1Image(values, affine)), ends)


def have_white_pictures(patch: Patch = setattr) -> None:
    """Have white pictures in this process: whoever draws finds `white`; slices have few pixels."""
    importlib.import_module(DRAWING)
    figures: Any = importlib.import_module("bids_ari.report.figures")
    explorer: Any = importlib.import_module("bids_ari.report.explorer.underlay")
    made, replaced = template(), {"drawn": (figures.canvas.drawn, white), "CELL": (figures.scene.CELL, (31, 25))}
    for module in list(sys.modules.values()):
        for name, (real, other) in replaced.items():
            if getattr(module, name, None) is real:
                patch(module, name, other)
    patch(figures.underlay, "load_template", lambda: made)
    patch(explorer, "load_template", object)  # so that explorers cut the box, as any image, and not what is kept


def start_white_worker(*arguments: Any) -> None:
    """Prepare a worker process that has white pictures: a replacement of `start_worker`.

    Workers are forked from a process that may have been started long before, with other variables.
    """
    workers: Any = importlib.import_module("bids_ari.runtime.workers")
    workers.start_worker(*arguments)
    have_white_pictures()
