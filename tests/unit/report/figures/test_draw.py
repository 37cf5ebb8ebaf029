"""Which pictures a result has."""

from dataclasses import replace

from reported import analysed, by_methods, drawn, drawn_calibrated

from bids_ari.analysis.result import ContrastResult
from bids_ari.report.figures.draw import draw
from bids_ari.stats.glm import GlmResult


def in_native_space(result: ContrastResult) -> ContrastResult:
    entities = result.contrast.entities.with_(space="T1w")
    return replace(result, contrast=replace(result.contrast, entities=entities))


def maps(result: ContrastResult) -> list[str]:
    return [name for name in dict(draw(result)) if name in ("glass", "z", "faded") or "everywhere" in name]


def test_maps_of_a_result() -> None:
    """A group: all; z alone: z alone; no template: no glass brain."""
    native = in_native_space(analysed(3.0)[0])
    assert maps(native) == ["z", "faded", *(f"{name} everywhere" for name in ("effect", "t", "z"))]
    z_alone = replace(native, glm=GlmResult.of_z(native.glm.z), quality=None)
    assert maps(z_alone) == ["z", "faded", "z everywhere"]


def test_a_calibration_has_a_picture() -> None:
    assert drawn_calibrated()["calibration"].name.endswith("_test-mean_desc-greaterPermutation_calibration.png")
    assert by_methods()[1].calibrated is not None
    assert "calibration" not in drawn()
