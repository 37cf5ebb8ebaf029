"""Values of ``--slices``."""

import pytest

from bids_ari.config.options import Options
from bids_ari.config.slices import Request, requests, slice_text
from bids_ari.errors import UsageError


def test_values_are_planes_coordinates_and_the_surface() -> None:
    found = requests(["surface", "y:3.5,-1", "mosaic", "axial"])
    assert found == (
        Request("surface"),
        Request("coronal", (-1.0, 3.5)),
        Request("axial"),
        Request("coronal"),
        Request("sagittal"),
    )


@pytest.mark.parametrize(
    ("value", "guess"),
    [
        ("saggital", "Did you mean sagittal?"),
        ("z=4", "Did you mean z:4?"),
        ("Axial", "Did you mean axial?"),
        ("z:", ""),
        ("z:1,,2", ""),
        ("z:nan", ""),
        ("z:1e9", ""),
        ("q:4", ""),
        ("", ""),
        ("z:" + ",".join(map(str, range(25))), ""),
    ],
)
def test_other_values_are_refused(value: str, guess: str) -> None:
    with pytest.raises(UsageError, match="slices") as raised:
        Options(slices=(value,))
    assert str(raised.value).endswith(guess)


def test_options_keep_values_as_they_are_written() -> None:
    assert Options(slices="mosaic").slices == ("mosaic",)  # type: ignore[arg-type]
    assert Options(slices=("z:-12,0", "surface")).slices == ("z:-12,0", "surface")
    assert slice_text("y", -0.0) == "y = 0 mm"
