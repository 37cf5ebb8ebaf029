"""What headers, names and sidecars say about the values of a map."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from builders import image
from builders_headers import afni_image, image_with_intent, spm_image, write_afni

from bids_ari.images.claims import EFFECT, LOG_P, VARIANCE, Claim, P, claims_of
from bids_ari.images.files import read_image

DATA = np.random.default_rng(0).normal(size=(4, 5, 6))


def claims(made: Any, name: str = "map", sidecar: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Kind, degrees of freedom, and whether it is the z of an F test and thresholded."""
    return [without_source(each) for each in claims_of(read_image(made), name, sidecar)]


def without_source(claim: Claim) -> tuple[Any, ...]:
    return claim.kind, claim.dof, claim.is_z_of_f, claim.is_thresholded


def says(kind: str, *dof: float, of_f: bool = False, thresholded: bool = False) -> list[tuple[Any, ...]]:
    return [(kind, dof, of_f, thresholded)]


@pytest.mark.parametrize(
    ("descrip", "contrast"),
    [
        ("SPM contrast - 1: left > right", "left > right"),
        ("SPM contrast - 12: left  > right - All Sessions", "left > right"),
        ("Contrast 3: a - b - Session 2", "a - b"),
        ("SPM{T_[19.0]} - contrast 1: left > right", "left > right"),
        ("spm_spm:beta (0001) - Sn(2) left*bf(1)", "left*bf(1)"),
        ("SPM contrast - 1: ", ""),
        ("SPM{T_[19.0]}", ""),
        ("spm_spm:ResMS", ""),
    ],
)
def test_names_of_contrasts_of_spm(descrip: str, contrast: str) -> None:
    """Without the session, which differs between subjects; as SPM 8 and SPM 12 write them."""
    (claim,) = claims_of(read_image(spm_image(DATA, descrip)), "a.nii")
    assert claim.contrast == contrast


@pytest.mark.parametrize(
    ("descrip", "expected"),
    [
        ("SPM{T_[19.0]} - contrast 1: faces > houses", says("t", 19)),
        ("SPM{F_[2.0,18.5]} - contrast 2: any", says("F", 2, 18.5)),
        ("SPM{Z_[1.0]} - contrast 2: a", says("z")),
        ("SPM{X_[3.0]} - contrast 2: a", says("chi-squared statistics")),
        ("SnPM{T}", says("t")),
        ("spm{T}-filtered: u = 3.090, k = 10", says("t", thresholded=True)),
        ("SPM-filtered", says("", thresholded=True)),
        ("Contrast 1: faces", says(EFFECT)),
        ("SPM contrast - 1: faces", says(EFFECT)),
        ("ESS contrast 2: any", says("sums of squares")),
        ("SPM ESS - contrast 2: any", says("sums of squares")),
        ("spm_spm:beta (0001) - Sn(1) faces", says(EFFECT)),
        ("spm_spm:ResMS", says(VARIANCE)),
        ("FSL5.0", []),
        ("6.0.5:9e026117", []),
        ("SPM{T_[abc]}", says("t")),
    ],
)
def test_descriptions_of_spm(tmp_path: Path, descrip: str, expected: list[tuple[Any, ...]]) -> None:
    """From an image in memory, and from a file of either version and byte order."""
    made = spm_image(DATA, descrip)
    assert claims(made) == expected
    nib.save(made, tmp_path / "a.nii.gz")
    assert claims(tmp_path / "a.nii.gz") == expected
    second: Any = nib.Nifti2Image(np.asarray(DATA, ">f4"), np.eye(4), nib.Nifti2Header(endianness=">"))
    second.header["descrip"] = descrip
    nib.save(second, tmp_path / "b.nii")
    assert claims(tmp_path / "b.nii") == expected


@pytest.mark.parametrize(
    ("code", "parameters", "expected"),
    [
        ("t test", (19,), says("t", 19)),
        ("t test", (0,), says("t")),
        ("f test", (2, 19), says("F", 2, 19)),
        ("f test", (0, 0), says("F")),
        ("z score", (), says("z")),
        ("normal", (0, 1), says("z")),
        ("normal", (5, 2), []),
        ("p value", (), says(P)),
        ("log10 p value", (), says(LOG_P)),
        ("correlation", (10,), says("correlations")),
        ("estimate", (), says(EFFECT)),
        ("label", (), says("labels")),
        ("none", (), []),
        (9999, (), []),
    ],
)
def test_intents(code: int | str, parameters: tuple[float, ...], expected: list[tuple[Any, ...]]) -> None:
    assert claims(image_with_intent(DATA, code, *parameters)) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"BRICK_STATAUX": "0 3 1 19", "BRICK_LABS": "SetA_Tstat"}, says("t", 19)),
        ({"BRICK_STATAUX": "\n 0\n 4\n 2\n 3\n 40\n"}, says("F", 3, 40)),
        ({"BRICK_STATAUX": "1 3 1 19", "BRICK_LABS": "SetA_mean~SetA_Tstat"}, says(EFFECT)),
        ({"BRICK_STATSYM": "Ttest(19)"}, says("t", 19)),
        ({"BRICK_STATSYM": "Ftest(2,19);none"}, says("F", 2, 19)),
        ({"BRICK_STATSYM": "Zscore()"}, says("z")),
        ({"BRICK_STATSYM": "none", "BRICK_LABS": "faces#0_Coef"}, says(EFFECT)),
        ({"BRICK_LABS": "SetA_Zscr"}, says("z")),
        ({"BRICK_STATAUX": "0 3"}, []),
        ({"BRICK_STATAUX": "0 three 1 19"}, []),
        ({"HISTORY_NOTE": "[a@b: Mon] 3dttest++ -setA x"}, []),
        ({"HISTORY_NOTE": r"[a@b] 3dttest++ x\n[a@b] 3dClusterize -inset x"}, says("", thresholded=True)),
        ({"HISTORY_NOTE": "[a@b] 3dmerge -1clust 3 20 -1thresh 3.1 x"}, says("", thresholded=True)),
        ({"HISTORY_NOTE": "[a@b] 3dmerge -1blur_fwhm 8 x"}, []),
    ],
)
def test_attributes_of_afni(tmp_path: Path, attributes: dict[str, str], expected: list[tuple[Any, ...]]) -> None:
    made = afni_image(DATA, **attributes)
    assert claims(made) == expected
    nib.save(made, tmp_path / "a.nii.gz")
    assert claims(tmp_path / "a.nii.gz") == expected


def test_pairs_of_files_as_spm8_has_them(tmp_path: Path) -> None:
    """A NIfTI pair, and a pair in the format of SPM99, which has no intent."""
    for kind in (nib.Nifti1Pair, nib.Spm99AnalyzeImage):
        made: Any = kind(DATA.astype(np.float32), np.eye(4))
        made.header["descrip"] = "SPM{T_[19.0]} - contrast 1: faces"
        nib.save(made, tmp_path / "spmT_0001.img")
        assert claims(tmp_path / "spmT_0001.img") == says("t", 19)


def test_the_format_of_afni(tmp_path: Path) -> None:
    path = write_afni(tmp_path / "map+tlrc", DATA, BRICK_STATAUX="0 3 1 19", BRICK_LABS="SetA_Tstat")
    assert claims(path) == says("t", 19)


def test_extensions_before_that_of_afni_and_damaged_ones(tmp_path: Path) -> None:
    made: Any = afni_image(DATA, BRICK_STATSYM="Ttest(7)")
    made.header.extensions.insert(0, nib.nifti1.Nifti1Extension(6, b"a comment"))
    nib.save(made, tmp_path / "a.nii")
    assert claims(tmp_path / "a.nii") == says("t", 7)
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[352:356] = b"\xff\xff\xff\x7f"  # longer than the file
    (tmp_path / "b.nii").write_bytes(content)
    assert claims(tmp_path / "b.nii") == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("spmT_0001.nii", says("t")),
        ("group_spmF_0002.nii", says("F")),
        ("con_0001.nii", says(EFFECT)),
        ("beta_0012.nii", says(EFFECT)),
        ("ResMS.nii", says(VARIANCE)),
        ("zstat1.nii.gz", says("z")),
        ("/a.feat/stats/tstat2.nii.gz", says("t")),
        ("fstat1.nii.gz", says("F")),
        ("zfstat1.nii.gz", says("z", of_f=True)),
        ("cope1.nii.gz", says(EFFECT)),
        ("varcope1.nii.gz", says(VARIANCE)),
        ("pe3.nii.gz", says(EFFECT)),
        ("cope3_zstat1.nii.gz", says("z")),
        ("T_log_pFWE_0001.nii", says(LOG_P)),
        ("lP_FWE+.img", [*says("", thresholded=True), *says(LOG_P)]),
        ("sig.mgh", [*says("", thresholded=True), *says(LOG_P)]),
        ("thresh_zstat1.nii.gz", [*says("", thresholded=True), *says("z")]),
        ("cluster_mask_zstat1.nii.gz", says("clusters")),
        ("tbss_tfce_corrp_tstat1.nii.gz", says(P)),
        ("x_tfce_tstat1.nii.gz", says("TFCE scores")),
        ("x_tstat1.nii.gz", says("t")),
        ("palm_vox_tstat_fwep_c1.nii.gz", says(P)),
        ("palm_vox_ztstat_c1.nii.gz", says("z")),
        ("swe_vox_zTstat_c01.nii", says("z")),
        ("neg_log10_pvals.nii.gz", says(LOG_P)),
        ("logp_max_t.nii.gz", says(LOG_P)),
        ("zmap_FWE05.nii.gz", [*says("", thresholded=True), *says("z")]),
        ("zmap_unthresholded.nii.gz", says("z")),
        ("my_z.nii", says("z")),
        ("controls.nii", []),
        ("sub-01_T1w.nii", []),
        ("contrast-a_stat-t_statmap.nii.gz", says("t")),
        ("contrast-a_stat-effect_statmap.nii.gz", says(EFFECT)),
        ("contrast-a_stat-pHommel_desc-greater_statmap.nii.gz", says("pHommel values")),
        ("contrast-a_stat-tdp_statmap.nii.gz", says("tdp values")),
        ("contrast-cope1_stat-z_statmap.nii.gz", says("z")),
    ],
)
def test_names(name: str, expected: list[tuple[Any, ...]]) -> None:
    assert claims(image(DATA), name) == expected


@pytest.mark.parametrize(
    ("stat", "sidecar", "expected"),
    [
        ("t", {"DegreesOfFreedom": 19}, says("t", 19)),
        ("t", {"DegreesOfFreedom": None}, says("t")),
        ("F", {"DegreesOfFreedom": 19, "DegreesOfFreedomOfRows": 2}, says("F", 2, 19)),
        ("F", {"DegreesOfFreedom": 19}, says("F")),
        ("z", {"DegreesOfFreedom": 19, "Statistic": "t"}, says("z")),
        ("z", {"DegreesOfFreedom": 19, "Statistic": "F"}, says("z", of_f=True)),
    ],
)
def test_sidecars(stat: str, sidecar: dict[str, Any], expected: list[tuple[Any, ...]]) -> None:
    assert claims(image(DATA), f"contrast-a_stat-{stat}_statmap.nii.gz", sidecar) == expected
