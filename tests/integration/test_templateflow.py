"""Files of TemplateFlow: those of the cohort of the maps, recorded with the results; atlases by an unambiguous name."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import templateflow
from builders import AFFINE, SHAPE, brain, describe, image, write_group, write_map

from bids_ari.bids.spaces import StandardSpace
from bids_ari.cli.main import main
from bids_ari.images.templateflow import listed_files

Use = Callable[[Path], None]

FINE = AFFINE @ np.diag([0.5, 0.5, 0.5, 1])
MASK = "tpl-MNIPediatricAsym_cohort-{}_res-{}_desc-brain_mask.nii.gz"
T1W = "tpl-MNIPediatricAsym_cohort-{}_res-{}_T1w.nii.gz"
SCHAEFER = "tpl-MNI152NLin6Asym_res-02_atlas-Schaefer2018_desc-{}_dseg.nii.gz"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of TemplateFlow: masks of two cohorts, which differ in the slabs that they contain, and one atlas."""
    root = tmp_path_factory.mktemp("templateflow")
    for cohort, slab in ((1, slice(2, 4)), (3, slice(4, 9))):
        for res, affine, scale in ((1, FINE, 2), (2, AFFINE, 1)):
            inside = np.zeros([n * scale for n in SHAPE], dtype=np.uint8)
            inside[scale * slab.start : scale * slab.stop] = 1
            path = root / "tpl-MNIPediatricAsym" / f"cohort-{cohort}" / MASK.format(cohort, res)
            path.parent.mkdir(parents=True, exist_ok=True)
            nib.save(image(inside, affine, np.uint8), path)
            nib.save(image(inside * 3.5, affine), path.with_name(T1W.format(cohort, res)))
    numbers = np.ones(SHAPE, dtype=np.int16)
    path = root / "tpl-MNI152NLin6Asym" / SCHAEFER.format("100Parcels7Networks")
    path.parent.mkdir()
    nib.save(image(numbers, dtype=np.int16), path)
    return root


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Let TemplateFlow have a home, as after a start with the variable TEMPLATEFLOW_HOME."""

    def use(home: Path) -> None:
        client = SimpleNamespace(api=templateflow.TemplateFlowClient(root=home), __spec__=templateflow.__spec__)
        monkeypatch.setitem(sys.modules, "templateflow", client)
        monkeypatch.setenv("TEMPLATEFLOW_HOME", str(home))

    return use


def words(folder: Path, *flags: object) -> list[str]:
    """Return a command that reads and writes in a folder."""
    return [*map(str, (folder / "in", folder / "out", "group", "--threshold", "3", "--tdp", *flags))]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_new_home_is_filled_by_the_client_and_then_read_without_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Filling(ModuleType):
        """A client that fills its folder when it is imported, and that has no other use."""

        @property
        def api(self) -> SimpleNamespace:
            shutil.copytree(home, tmp_path / "new")
            return SimpleNamespace()

    monkeypatch.setitem(sys.modules, "templateflow", Filling("templateflow"))
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "new"))
    found = listed_files(StandardSpace("MNI152NLin6Asym"), "it", suffix="dseg", atlas="Schaefer2018")
    assert found == [tmp_path / "new" / "tpl-MNI152NLin6Asym" / SCHAEFER.format("100Parcels7Networks")]


@pytest.mark.parametrize(
    "names", [{"space": "MNIPediatricAsym+3"}, {"space": "MNIPediatricAsym", "cohort": "3", "res": "2"}]
)
def test_mask_and_target_grid_of_the_cohort(
    names: dict[str, str],
    home: Path,
    use: Use,
    tmp_path: Path,
    rng: np.random.Generator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The names of fMRIPrep before and since version 20.2; the grid of maps differs by a voxel, so they move."""
    for subject in ("01", "02", "03", "04"):
        shifted = AFFINE.copy()
        shifted[:3, 3] += AFFINE[:3, 0]
        write_map(tmp_path / "in", subject, brain(rng, 3.0), affine=shifted, **names)
    command = words(tmp_path, "--mask", "template", "--target-grid", "template")
    use(home)
    assert main(command) == 0
    (tested,) = (tmp_path / "out" / "group").glob("*_mask.nii.gz")
    template = home / "tpl-MNIPediatricAsym" / "cohort-3" / MASK.format(3, 2)
    inside = nib.load(template).get_fdata() > 0
    assert nib.load(tested).get_fdata()[inside].any()
    assert not nib.load(tested).get_fdata()[~inside].any()
    about = json.loads(next((tmp_path / "out" / "group").glob("*stat-z_statmap.json")).read_text())
    assert (about["Mask"], about["MaskHash"]) == (template.name, sha256(template))
    assert (about["TargetGrid"], about["TargetGridHash"]) == (template.name, sha256(template))
    underlay = template.with_name(T1W.format(3, 2))
    assert (about["Underlay"], about["UnderlayHash"]) == (underlay.name, sha256(underlay))
    (report,) = (tmp_path / "out" / "group").glob("*_report.html")
    assert underlay.name in report.read_text()
    assert main(command) == 0
    assert "unchanged since" in capsys.readouterr().err


def test_a_changed_file_of_templateflow_is_noticed(
    home: Path,
    use: Use,
    tmp_path: Path,
    rng: np.random.Generator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_group(tmp_path / "in", 3, rng, space="MNIPediatricAsym+3")
    part = tmp_path / "templateflow" / "tpl-MNIPediatricAsym" / "cohort-3"
    part.mkdir(parents=True)
    (part / MASK.format(3, 1)).write_bytes((home / "tpl-MNIPediatricAsym/cohort-3" / MASK.format(3, 1)).read_bytes())
    command = words(tmp_path, "--mask", "template")
    use(part.parents[1])
    assert main(command) == 0
    fewer = np.zeros(SHAPE, dtype=np.uint8)
    fewer[5:7] = 1
    nib.save(image(fewer, dtype=np.uint8), part / MASK.format(3, 1))
    assert main(command) == 64
    assert "other Mask" in capsys.readouterr().err
    assert main([*command, "--rerun"]) == 0
    assert json.loads(next((tmp_path / "out" / "group").glob("*_mask.json")).read_text())["MaskHash"] == sha256(
        part / MASK.format(3, 1)
    )


@pytest.mark.parametrize(
    ("space", "flags", "code", "message"),
    [
        ("MNIPediatricAsym", ["--mask", "template"], 64, "have no cohort of MNIPediatricAsym"),
        ("MNIPediatricAsym+2", ["--mask", "template"], 18, "one of: MNIPediatricAsym+1, MNIPediatricAsym+3"),
        ("MNI152NLin6Asym", ["--atlas", "Schaefer2018"], 64, "Schaefer2018:100Parcels7Networks"),
        ("MNI152NLin6Asym", ["--atlas", "Schaefer2018:7Parcels"], 18, "100Parcels7Networks"),
    ],
)
def test_names_that_fit_no_file_or_several(
    space: str,
    flags: list[str],
    code: int,
    message: str,
    home: Path,
    use: Use,
    tmp_path: Path,
    rng: np.random.Generator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Only one atlas of Schaefer2018 is in this home: the index of TemplateFlow has the others."""
    describe(tmp_path / "in")
    write_group(tmp_path / "in", 3, rng, space=space)
    use(home)
    assert main(words(tmp_path, *flags)) == code
    assert message in capsys.readouterr().err
    assert main(words(tmp_path, *flags, "--list")) != 0
    assert message in " ".join(capsys.readouterr().out.split())
    assert not (tmp_path / "out" / "group").exists()


def test_an_atlas_by_its_whole_name(home: Path, use: Use, tmp_path: Path, rng: np.random.Generator) -> None:
    write_group(tmp_path / "in", 3, rng, space="MNI152NLin6Asym")
    name = "Schaefer2018:100Parcels7Networks"
    use(home)
    assert main(words(tmp_path, "--atlas", name)) == 0
    about = json.loads(next((tmp_path / "out" / "group").glob("*atlas-Schaefer2018*_tdp.json")).read_text())
    path = home / "tpl-MNI152NLin6Asym" / SCHAEFER.format("100Parcels7Networks")
    assert about["AtlasFiles"] == {"atlas": path.name}
    assert about["AtlasHashes"] == {"atlas": sha256(path)}
