"""What results and contrasts show in a notebook, and what they save."""

import errno
import io
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, describe, image, write_group
from PIL import Image

import bids_ari as ari
from bids_ari.analysis.analyse import analyse
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.contrasts import Discovery
from bids_ari.bids.discover import discover
from bids_ari.config.options import Options
from bids_ari.errors import DataError, GridMismatchError, UsageError
from bids_ari.option_names import name_arguments


@pytest.fixture(scope="module")
def contrasts(tmp_path_factory: pytest.TempPathFactory) -> Discovery:
    root = tmp_path_factory.mktemp("notebook")
    describe(root)
    write_group(root, 8, np.random.default_rng(3))
    return discover(root, exclude=["07"])


@pytest.fixture(scope="module")
def result(contrasts: Discovery) -> ContrastResult:
    (found,) = analyse(contrasts[0], Options(threshold=(3,)))
    return found


class TestTables:
    def test_of_a_result(self, result: ContrastResult) -> None:
        html = result._repr_html_()
        assert result.contrast.name in html
        assert f"{result.bound.whole:,} (" in html
        assert html.count("<tr>") == 1 + len(result.clusters[3.0]) + html[: html.index("</table>")].count("<tr>")
        assert "<script" not in html

    def test_of_a_map_which_has_no_named_test(self, result: ContrastResult) -> None:
        html = replace(result, glm=replace(result.glm, test=""))._repr_html_()
        assert ">greater, simes, alpha = 0.05<" in html

    def test_of_contrasts(self, contrasts: Discovery) -> None:
        assert "1 contrast" in contrasts._repr_html_()
        assert contrasts[0].name in contrasts._repr_html_()
        assert "subjects (7)" in contrasts[0]._repr_html_()
        assert "07" in contrasts[0]._repr_html_()

    def test_of_a_forest(self, result: ContrastResult) -> None:
        html = result.forest._repr_html_()
        (found,) = re.findall(r">at least 0\.7<.*?</tr>", html)
        largest = result.forest.with_tdp(0.7)
        assert re.findall(r">([\d,]+)<", found) == [
            f"{n:,}" for n in (len(largest), sum(each.size for each in largest), sum(each.tdn for each in largest))
        ]


class TestPictures:
    def test_a_plot_is_a_png_and_can_be_saved(self, result: ContrastResult, tmp_path: Path) -> None:
        found = result.plot()
        assert Image.open(io.BytesIO(found._repr_png_())).format == "PNG"
        assert found.save(tmp_path / "tdp.svg").read_bytes().startswith(b"<?xml")
        with pytest.raises(UsageError, match=r"\.png"):
            found.save(tmp_path / "tdp.gif")

    def test_a_picture_that_does_not_exist_is_an_error_at_once(self, result: ContrastResult) -> None:
        with pytest.raises(UsageError, match=r"no picture 'cake'; expected one of: .*tdp"):
            result.plot("cake")

    def test_of_a_glass_brain(self, result: ContrastResult) -> None:
        assert Image.open(io.BytesIO(result.plot_glass()._repr_png_())).format == "PNG"


def _disk_full(path: Path, content: bytes) -> int:
    """Write half of a file."""
    with path.open("wb") as file:
        file.write(content[: len(content) // 2])
    raise OSError(errno.ENOSPC, "No space left on device")


class TestPages:
    def test_the_explorer_is_framed_without_access_to_the_notebook(
        self, result: ContrastResult, tmp_path: Path
    ) -> None:
        page = result.explore()
        frame = page._repr_html_()
        (source,) = re.findall(r' srcdoc="([^"]*)"', frame)
        assert page.save(tmp_path / "e.html").read_text() == page.html
        assert len(page.html) - 100 < len(unescape(source)) < len(page.html)
        assert "href=" not in re.sub("<script>.*</script>", "", unescape(source), flags=re.DOTALL)
        assert "allow-same-origin" not in frame
        assert not [link for link in re.findall(r'<a [^>]*href="([^"]+)"', page.html) if not link.startswith("#")]

    def test_a_report_is_alone(self, result: ContrastResult, tmp_path: Path) -> None:
        """It has no link to a file."""
        path = result.report(tmp_path / "x.html")
        text = path.read_text()
        assert [*tmp_path.iterdir()] == [path]
        links = re.findall(r'<a [^>]*href="([^"]+)"', text)
        assert [link for link in links if not link.startswith(("#", "https://doi.org/"))] == []
        assert "All results" not in text
        assert result.contrast.entities.get("contrast") in text

    def test_a_file_that_cannot_be_written(self, result: ContrastResult, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        for path, reason in ((tmp_path / "none" / "x.html", "there is no folder"), (tmp_path / "folder", "a folder")):
            with pytest.raises(ari.BidsAriError, match=f"cannot be written: {reason}"):
                result.report(path)
        assert [*tmp_path.iterdir()] == [tmp_path / "folder"]

    def test_a_file_is_written_completely_or_not_at_all(
        self, result: ContrastResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page, path = result.explore(), tmp_path / "e.html"
        path.write_text("earlier")
        with monkeypatch.context() as full:
            full.setattr(Path, "write_bytes", _disk_full)
            with pytest.raises(ari.BidsAriError, match="No space left"):
                page.save(path)
        assert ([*tmp_path.iterdir()], path.read_text()) == ([path], "earlier")
        assert page.save(path).read_text() == page.html


class TestRegions:
    @pytest.fixture
    def region(self) -> nib.Nifti1Image:
        inside = np.zeros(SHAPE, dtype=np.uint8)
        inside[3:7, 3:7, 3:7] = 1
        return image(inside, dtype=np.uint8)

    def test_tdp_of_an_image_and_of_a_file(
        self, result: ContrastResult, region: nib.Nifti1Image, tmp_path: Path
    ) -> None:
        region.to_filename(tmp_path / "r.nii.gz")
        inside = result.space.select(np.asarray(region.dataobj) == 1).astype(bool)
        expected = result.bound.tdn(inside) / inside.sum()
        assert expected > 0
        for each in (region, tmp_path / "r.nii.gz", str(tmp_path / "r.nii.gz")):
            assert result.tdp(each) == pytest.approx(expected)
        assert (result.points_in(region) == inside).all()

    def test_a_threshold_is_still_one(self, result: ContrastResult) -> None:
        assert (result.tdp(3) == result.tdp(threshold=3.0)).all()

    def test_of_another_grid(self, result: ContrastResult) -> None:
        with pytest.raises(GridMismatchError):
            result.tdp(nib.Nifti1Image(np.ones((3, 3, 3), dtype=np.uint8), AFFINE))

    def test_of_other_values(self, result: ContrastResult) -> None:
        with pytest.raises(DataError, match="expected 0 outside and 1 inside"):
            result.tdp(result.image("z"))


class TestMessages:
    """Messages in Python name arguments."""

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            (lambda: ari.Options(n_permutations=0), "^n_permutations is 0"),
            (lambda: ari.Options(mask_threshold=0.5), "^mask_threshold requires a mask. Add mask FILE$"),
            (lambda: ari.Options(template="t.npz"), "template requires method='permutation'. Add it"),
            (lambda: ari.Options(joint=True, step_down=True, method="permutation"), "joint and step_down are set"),
        ],
    )
    def test_of_options(self, wrong: object, message: str) -> None:
        with pytest.raises(UsageError, match=message) as caught:
            wrong()  # type: ignore[operator]
        assert "--" not in str(caught.value)

    def test_of_commands_are_as_before(self) -> None:
        error = UsageError("x", hint="Add --mask FILE")
        assert str(error) == "x. Add --mask FILE"
        name_arguments()
        assert (str(error), error.hint) == ("x. Add mask FILE", "Add mask FILE")

    @pytest.mark.parametrize("path", [".", "folder", 3, None])
    def test_a_dataset_is_no_contrast(self, path: object) -> None:
        with pytest.raises(UsageError, match=r"contrasts = bids_ari.discover\(FOLDER\)"):
            ari.analyse(path)  # type: ignore[arg-type]

    def test_a_map_is_no_contrast(self, tmp_path: Path) -> None:
        (tmp_path / "z.nii").touch()
        with pytest.raises(UsageError, match="cluster_tdp"):
            ari.analyse(tmp_path / "z.nii")  # type: ignore[arg-type]

    def test_several_contrasts_are_none(self, contrasts: Discovery) -> None:
        with pytest.raises(UsageError, match=r"analyse\(contrasts\[0\]\), or a loop"):
            ari.analyse(contrasts)  # type: ignore[arg-type]
