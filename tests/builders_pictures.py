"""Sketches: figures with layout but without rendering, which takes most of the time of tests with reports."""

import hashlib
import io
from collections.abc import Iterator

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bids_ari.images.volume import VolumeSpace
from bids_ari.report.figures import png
from bids_ari.report.figures.glass_brain import SIZE
from bids_ari.stats.distributions import FloatArray


def sketch(figure: Figure) -> bytes:
    """Return a white PNG of the size of a figure with a hash of its artists: a fast replacement of `to_png` in tests.

    Two sketches are equal if the texts, curves, shapes, axes and images of the figures and their positions are equal.
    """
    digest = hashlib.sha256()
    for artist in _artists(figure):
        for part in (type(artist).__name__, str(artist.get_visible()), *_content(artist)):
            digest.update(part.encode())
    info, file = PngInfo(), io.BytesIO()
    info.add_text("drawn", digest.hexdigest())
    width, height = np.rint(figure.get_size_inches() * figure.dpi).astype(int).tolist()
    Image.new("L", (width, height), 255).save(file, "png", pnginfo=info, compress_level=1)
    return file.getvalue()


def sketch_glass(z: FloatArray, space: VolumeSpace, subtitle: str, *, is_signed: bool) -> bytes:
    """Return a sketch of a glass brain, without the many lines of its brains: a replacement of `draw_glass_brain`.

    Two sketches are equal if the arguments are equal.
    """

    def fill(figure: Figure) -> None:
        values = space.image(z)
        seen = hashlib.sha256(values.get_fdata().tobytes() + values.affine.tobytes()).hexdigest()
        figure.text(0, 0, f"{seen} {is_signed}")

    return png.draw_png(SIZE, "Glass brain", subtitle, fill)


def _artists(artist: Artist) -> Iterator[Artist]:
    """Yield an artist and all below it but the marks of axes, which take long to make."""
    yield artist
    for child in [artist.label] if isinstance(artist, Axis) else artist.get_children():
        yield from _artists(child)


def _content(artist: Artist) -> Iterator[str]:
    """Yield the content of an artist."""
    match artist:
        case Text():
            yield f"{artist.get_text()} {artist.get_position()} {artist.get_color()}"
        case Line2D():
            yield f"{np.asarray(artist.get_xydata()).tolist()} {artist.get_color()}"
        case Patch():
            yield f"{artist.get_path().vertices.tolist()} {artist.get_facecolor()}"
        case Collection():
            shapes = [path.vertices.tolist() for path in artist.get_paths()]
            yield f"{np.asarray(artist.get_offsets()).tolist()} {shapes}"
        case Axis():
            places = artist.get_majorticklocs()
            yield f"{artist.get_view_interval().tolist()} {artist.get_major_formatter().format_ticks(places)}"
        case AxesImage():
            yield str(artist.get_extent())
    if isinstance(artist, ScalarMappable) and (values := artist.get_array()) is not None:
        numbers = np.ma.filled(values, 0)
        yield f"{numbers.shape} {hashlib.sha256(numbers.tobytes()).hexdigest()} {artist.get_clim()} {artist.cmap.name}"
