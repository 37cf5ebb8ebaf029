"""Each message that the page on troubleshooting quotes is provoked, and has the exit code of its heading."""

import errno
import json
import os
import re
import resource
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import templateflow
from builders import AFFINE, SHAPE, brain, describe, image, map_path, touch_maps, write_group, write_map
from builders_headers import spm_image, write_afni
from builders_labels import cortex, save_cifti, save_gifti, voxels
from builders_meshes import icosphere, saved_mesh
from builders_surfaces import data_array, gifti
from builders_templateflow import add, offline_client
from builders_trees import refuse
from docpages import DOCS, blocks

from bids_ari import workflow
from bids_ari.cli.main import main
from bids_ari.cli.map import main as map_main
from bids_ari.cli.mask import main as mask_main
from bids_ari.cli.templates import main as templates_main
from bids_ari.outputs.derivatives import Derivatives

FACES = "task-emo_space-MNI152NLin2009cAsym_contrast-faces"
QUOTED = {block.entry: block for block in blocks(DOCS / "troubleshooting.md", "none")}

SPM_T = "SPM{T_[19.0]} - contrast 1: faces"

GYRI = "data out group --contrast gyri"
GYRAL = [1.0] * 42
ON_MESH = f"{GYRI} --surface a_hemi-L_pial.surf.gii"

Spoil = Callable[[Path], object]


@pytest.fixture
def data(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four subjects, one contrast, in the folder where the command runs."""
    monkeypatch.chdir(tmp_path)
    describe(Path("data"))
    write_group(Path("data"), 4, rng)
    return Path("data")


def buckets(_: Path) -> None:
    """Write datasets of AFNI with several volumes, and a table without their labels."""
    for subject in ("01", "02"):
        labels = "Full_Fstat~left#0_Coef~left#0_Tstat"
        write_afni(Path(f"stats.{subject}+tlrc"), np.ones((*SHAPE, 3)), BRICK_LABS=labels)
    Path("maps.tsv").write_text("participant_id\teffect\n01\tstats.01+tlrc.HEAD\n02\tstats.02+tlrc.HEAD\n")


def three_sessions(data: Path) -> None:
    """Replace the maps by those of three sessions of four subjects."""
    write_sessions(data, 4)


def write_sessions(data: Path, n_subjects: int) -> None:
    for path in data.rglob("*statmap*"):
        path.unlink()
    rng = np.random.default_rng(1)
    for session in "123":
        write_group(data, n_subjects, rng, session=session)


def table(*lines: str) -> Spoil:
    """Write participants.tsv; blanks in lines stand for tabs."""
    return lambda data: (data / "participants.tsv").write_text("\n".join(lines).replace(" ", "\t") + "\n")


def column(name: str, *values: object) -> Spoil:
    """Write participants.tsv of one column."""
    return table(f"participant_id {name}", *(f"sub-{i:02d} {value}" for i, value in enumerate(values, 1)))


def mask(data: np.ndarray) -> Spoil:
    return lambda _: nib.save(image(data, dtype=np.uint8), "mask.nii.gz")


def surfaces(data: Path) -> None:
    """Make files of both hemispheres with the space of the volumes in their names."""
    for side in "LR":
        touch_maps(data, "01", "02", "03", "04", hemi=side, extension=".func.gii")


def gyri(data: Path) -> None:
    """Write maps of the contrast gyri on meshes of 42 vertices, the meshes, and an atlas of a coarser one."""
    rng = np.random.default_rng(1)
    for side, x in (("L", -60.0), ("R", 60.0)):
        saved_mesh(icosphere(1, centre=(x, 0, 0)), Path(f"a_hemi-{side}_pial.surf.gii"))
        saved_mesh(icosphere(2, centre=(x, 0, 0)), Path(f"fine_hemi-{side}_pial.surf.gii"))
        save_gifti(Path(f"coarse_hemi-{side}.label.gii"), np.arange(12), {i: f"area {i}" for i in range(12)})
        for subject in ("01", "02", "03", "04"):
            places = {"hemi": side, "space": "fsaverage", "contrast": "gyri", "extension": ".func.gii"}
            save_gifti(map_path(data, subject, **places), rng.standard_normal(42))


def labels_only(data: Path) -> None:
    """Write labels in the place of maps."""
    touch_maps(data, "01", "02", "03", "04", space="fsLR", contrast="gyri", extension=".dlabel.nii")


def grayordinates(data: Path) -> None:
    """Write maps of grayordinates, that of the third subject without voxels."""
    gyri(data)
    for path in data.rglob("*contrast-gyri*.gii"):
        path.unlink()
    for subject in ("01", "02", "03", "04"):
        axis = cortex(42) if subject == "03" else cortex(42) + voxels([(1, 1, 1), (1, 1, 2)])
        path = map_path(data, subject, space="fsLR", contrast="gyri", extension=".dscalar.nii")
        save_cifti(path, np.random.default_rng(int(subject)).standard_normal(axis.size), axis)


def of_two_models(data: Path) -> None:
    """Write t maps of a subject, whose hemispheres have other degrees of freedom."""
    for side, dof in (("L", 20), ("R", 30)):
        path = map_path(data, "01", hemi=side, space="fsaverage", stat="t", extension=".func.gii")
        save_gifti(path, np.random.default_rng(dof).standard_normal(42))
        path.with_name(path.name.replace(".func.gii", ".json")).write_text(json.dumps({"DegreesOfFreedom": dof}))


def third_left(*arrays: str, **metadata: str) -> Spoil:
    """Write a GIFTI file of data arrays in the place of that of the left hemisphere of the third subject."""

    def spoil(data: Path) -> None:
        gyri(data)
        path = map_path(data, "03", hemi="L", space="fsaverage", contrast="gyri", extension=".func.gii")
        path.write_text(gifti(*arrays, **metadata))

    return spoil


def text(name: str, content: str) -> Spoil:
    return lambda _: (Path(name).parent.mkdir(exist_ok=True), Path(name).write_text(content))


def stats_model(*nodes: dict[str, object], **more: object) -> Spoil:
    return lambda _: Path("model.json").write_text(json.dumps({"Name": "x", "Nodes": nodes, **more}))


def with_variances(*nodes: dict[str, object]) -> Spoil:
    """Write a model, and a variance map beside each effect map."""

    def spoil(data: Path) -> None:
        stats_model(*nodes)(data)
        for path in sorted(data.rglob("*stat-effect_statmap.nii.gz")):
            image = nib.load(path)
            variance = nib.Nifti1Image(1 + np.abs(image.get_fdata()), image.affine)
            nib.save(variance, path.with_name(path.name.replace("stat-effect", "stat-variance")))

    return spoil


def third(content: str) -> Spoil:
    return lambda data: map_path(data, "03").write_text(content)


def pair_without(ending: str) -> Callable[[Path], None]:
    """An image of SPM 99, of a header, values and an orientation, without one of these files."""

    def change(_: Path) -> None:
        nib.save(nib.Spm99AnalyzeImage(np.ones(SHAPE, np.float32), AFFINE), "con_0001.img")
        Path("con_0001").with_suffix(ending).unlink()

    return change


def link(place: Callable[[Path], Path]) -> Spoil:
    """Put a link of git-annex, whose content is not here, in the place of a file."""

    def spoil(data: Path) -> None:
        place(data).unlink(missing_ok=True)
        place(data).symlink_to("../../.git/annex/objects/gone")

    return spoil


def unequal_variances(data: Path) -> None:
    """Six patients with three times the standard deviation of twelve controls."""
    rng = np.random.default_rng(1)
    for i in range(1, 19):
        write_map(data, f"{i:02d}", brain(rng) * (3 if i <= 6 else 1))
    column("group", *["patient"] * 6, *["control"] * 12)(data)


def heavy_tails(data: Path) -> None:
    """Twenty subjects, with errors of a t distribution with 3 degrees of freedom."""
    rng = np.random.default_rng(1)
    for i in range(1, 21):
        volume = brain(rng)
        write_map(data, f"{i:02d}", volume / np.sqrt(rng.chisquare(3, volume.shape) / 3))


def two_tables_of_sessions(data: Path) -> None:
    """Of a subject whose label has other zeros; the maps are of one session."""
    for subject in ("01", "02", "03", "04"):
        write_map(data, subject, brain(np.random.default_rng(int(subject))), contrast="houses", session="1")
    column("mood", 1, 2, 4, 3)(data)
    for label in ("3", "003"):
        text(f"data/sub-{label}/sub-{label}_sessions.tsv", "session_id\tmood\nses-1\t5\n")(data)


def cut_short(data: Path) -> None:
    map_path(data, "03").write_bytes(map_path(data, "03").read_bytes()[:-200])


def in_metres(data: Path) -> None:
    made = image(np.ones(SHAPE))
    made.header.set_xyzt_units("meter")
    nib.save(made, map_path(data, "03"))


def two_runs(data: Path) -> None:
    for run in ("1", "2"):
        write_group(data, 4, np.random.default_rng(1), contrast="houses", run=run)


def other_map(name: str, descrip: str = "", change: Callable[[np.ndarray], np.ndarray] = np.asarray) -> Spoil:
    """Write a map of noise, with the description of its header."""
    noise = np.random.default_rng(5).normal(size=SHAPE)
    return lambda _: nib.save(spm_image(change(noise), descrip), name)


def brain_masks(spaces: Sequence[str] = ("MNI152NLin2009cAsym",), far: str = "", apart: bool = False) -> Spoil:
    """Write brain masks of four subjects: one on another grid, or each of another slice."""

    def write(data: Path) -> None:
        for (i, subject), space in product(enumerate(("01", "02", "03", "04")), spaces):
            path = data / f"sub-{subject}" / "func" / f"sub-{subject}_task-emo_space-{space}_desc-brain_mask.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            inside = np.zeros(SHAPE)
            inside[i if apart else slice(1, 9)] = 1
            nib.save(image(inside, FAR if subject == far else AFFINE, np.uint8), path)

    return write


def all_alike(data: Path) -> None:
    for subject in ("01", "02", "03", "04"):
        write_map(data, subject, np.where(brain(np.random.default_rng(1)) != 0, 2.5, 0))


def together(*spoils: Spoil) -> Spoil:
    """Do several things, one after the other."""

    def spoil(data: Path) -> None:
        for each in spoils:
            each(data)

    return spoil


def one_has_a_corner(data: Path) -> None:
    write_map(data, "03", brain(np.random.default_rng(1)) + CORNER)


def lacks_data(data: Path) -> None:
    column("age", 20, 30, 25, 28)(data)
    lacking = brain(np.random.default_rng(1))
    lacking[2:4] = np.nan
    write_map(data, "03", lacking)


def with_underscores(data: Path) -> None:
    write_group(data, 4, np.random.default_rng(1), contrast="faces_vs_houses")


def two_spellings(data: Path) -> None:
    for session in ("1", "01"):
        write_group(data, 4, np.random.default_rng(1), session=session)


def without_a_space(data: Path) -> None:
    write_group(data, 4, np.random.default_rng(1), contrast="houses", space=None)
    write_map(data, "03", np.ones((9, 9, 9)), affine=GRID, contrast="houses", space=None)


def of_f(data: Path) -> None:
    for stat in ("z", "F"):
        write_group(data, 4, np.random.default_rng(1), stat=stat)


def saved(name: str, values: np.ndarray, affine: np.ndarray = AFFINE) -> Spoil:
    return lambda _: nib.save(image(values, affine), name)


GROUP_NODE = {"Level": "Dataset", "Name": "group", "Model": {"X": [1]}, "DummyContrasts": {"Test": "t"}}
MASKED, PARCELS = "data out group --mask mask.nii.gz", "data out group --atlas atlas.nii.gz"
FAR = np.diag([2.0, 2, 2, 1]) + 900 * np.eye(4, k=3)
PERMUTED = "data out group --method permutation"
CORNER = np.zeros(SHAPE)
CORNER[0, 0, 0] = 1
FAMILIES = table("participant_id site family", "sub-01 x f1", "sub-02 x f2", "sub-03 y f2", "sub-04 y f3")
AGES = column("age", 20, 30, 25, "n/a")
GRID = np.diag([2.0, 2, 2, 1])
FAR = np.array([[1.0, 0, 0, 900], [0, 1, 0, 900], [0, 0, 1, 900], [0, 0, 0, 1]])
OTHER_ATLAS = "space-Other_atlas-x_dseg.nii.gz"

BY_FILES: dict[str, tuple[str, Spoil | None]] = {
    "An argument is missing": ("data out", None),
    "A flag is unknown": ("data out group --smooth 8", None),
    "A path is empty": ("data '' group", None),
    "A value cannot be used": ("data out group --alpha 2", None),
    "A percentage": ("data out group --tdp 70", None),
    "A p-value as threshold": ("data out group --threshold .001", None),
    "Slices of pictures": ("data out group --slices saggital", None),
    "The output is the input": ("data data group", None),
    "The output folder lies among the files of a subject": ("data data/sub-01/ari group", None),
    "The output folder holds another dataset": (
        "data out group",
        text("out/dataset_description.json", '{"Name": "x"}'),
    ),
    "A flag of the group level": ("data out participant --smoothing 8", None),
    "Smoothing and weights": ("data out group --estimator mixed --smoothing 8", None),
    "A flag of another method": ("data out group --step-down", None),
    "All results together, and step-down": ("data out group --method permutation --joint --step-down", None),
    "Two ways to make results hold together": ("data out group --joint --split-alpha", None),
    "Permutations and weights": (f"{PERMUTED} --estimator mixed", None),
    "Permutations and unequal variances": (f"{PERMUTED} --variance unequal --shuffle permute", None),
    "Permutations and minimum effects": (f"{PERMUTED} --min-effect 0.5", None),
    "A minimum effect of F tests": (
        "data out group --min-effect 0.5 --formula group",
        column("group", *"abca"),
    ),
    "A minimum effect of maps without units": (
        "data out group --min-effect 0.5 --stat z",
        lambda data: write_group(data, 4, np.random.default_rng(1), stat="z"),
    ),
    "Permutations of one map": ("data out participant --method permutation", None),
    "A delta of another family": (f"{PERMUTED} --family beta --delta 5", None),
    "A template of another family": (f"{PERMUTED} --family simes --template t.npz", None),
    "A threshold without a mask": ("data out group --mask-threshold 0.5", None),
    "A threshold without regions": ("data out group --roi-threshold 0.5", None),
    "A template in and out": (f"{PERMUTED} --family learned --template t.npz --save-template", None),
    "A formula is not understood": ("data out group --formula 1+age)", AGES),
    "A test is not understood": ("data out group --formula 1+age --test x=agee", AGES),
    "A test of the intercept is called mean": ("data out group --formula 1+age --test mean=1", AGES),
    "Another test is called mean": ("data out group --formula 1+age --test mean=age", AGES),
    "No entity or column for pairs": ("data out group --paired colour", None),
    "Values of pairs that are the same number": ("data out group --paired session=1-01", two_spellings),
    "Weights of levels with another sum": (
        "data out group --within session --within-contrast trend=-1,0,2",
        three_sessions,
    ),
    "Another number of weights than levels": (
        "data out group --within session --within-contrast trend=-1,1",
        three_sessions,
    ),
    "Rows of weights that depend on each other": (
        "data out group --within session --within-contrast any=-1,1,0;0,-1,1;-1,0,1",
        three_sessions,
    ),
    "One level to compare": ("data out group --within session=1", three_sessions),
    "Differences of a Stats Model that are compared again": (
        "data out group --model model.json --within session",
        lambda data: (
            three_sessions(data),
            stats_model(
                {"Level": "Run", "Name": "run", "Model": {"X": ["faces"]}},
                {
                    "Level": "Subject",
                    "Name": "subject",
                    "GroupBy": ["subject", "contrast"],
                    "Model": {"X": ["session.1", "session.2"]},
                    "Contrasts": [
                        {
                            "Name": "any",
                            "ConditionList": ["session.1", "session.2"],
                            "Weights": [[1, 0], [0, 1]],
                            "Test": "F",
                        }
                    ],
                },
                GROUP_NODE,
            )(data),
        ),
    ),
    "Contrasts within subjects without levels": ("data out group --within-contrast trend=-1,0,1", None),
    "A minimum effect of several differences": ("data out group --within session --min-effect 0.5", three_sessions),
    "Unequal variances of several differences": (
        "data out group --within session --formula 0+C(sex) --variance unequal",
        lambda data: (three_sessions(data), column("sex", "M", "F", "M", "F")(data)),
    ),
    "Weights by variance maps of several differences": (
        "data out group --within session --estimator mixed",
        three_sessions,
    ),
    "Nodes of a Stats Model that make no map": (
        "data out group --model model.json",
        stats_model(
            {"Level": "Run", "Name": "run", "Model": {"X": ["faces"]}},
            {
                "Level": "Subject",
                "Name": "subject",
                "GroupBy": ["subject", "contrast"],
                "Model": {"X": [1]},
                "Contrasts": [{"Name": "any", "ConditionList": [1], "Weights": [[1]], "Test": "F"}],
            },
            GROUP_NODE,
        ),
    ),
    "Levels that no map has": ("data out group --within session=1,2,4", three_sessions),
    "Too few subjects for several differences": (
        "data out group --within session --exclude 01 02",
        three_sessions,
    ),
    "A test of several differences without an exact p": (
        "data out group --within session --within-contrast any=1,0,0;0,1,0;0,0,1 --formula 1+site --test site=site",
        lambda data: (write_sessions(data, 8), column("site", *"abcdabcd")(data)),
    ),
    "Analyses by subject": ("data out group --by subject", None),
    "Analyses by what is combined": ("data out group --by run --combine run", None),
    "A part of a Stats Model that is not supported": (
        "data out group --model model.json",
        stats_model({"Level": "Dataset", "Name": "group", "Model": {"X": [1], "VarianceComponents": [1]}}),
    ),
    "A lower node of a Stats Model that cannot be carried out": (
        "data out group --model model.json",
        stats_model(
            {"Level": "Run", "Name": "run", "Model": {"X": ["faces"]}},
            {"Level": "Subject", "Name": "subject", "Model": {"X": ["age"]}, "DummyContrasts": {"Test": "t"}},
            GROUP_NODE,
        ),
    ),
    "Fixed effects of overlapping columns": (
        "data out group --model model.json",
        with_variances(
            {"Level": "Run", "Name": "run", "Model": {"X": ["faces"]}},
            {
                "Level": "Subject",
                "Name": "subject",
                "Model": {"X": [1, "faces"], "Type": "meta"},
                "Contrasts": [{"Name": "both", "ConditionList": [1, "faces"], "Weights": [1, 1], "Test": "t"}],
            },
            GROUP_NODE,
        ),
    ),
    "Nodes with similar names": (
        "data out group --model model.json",
        stats_model(*({**GROUP_NODE, "Name": name} for name in ("t_test", "t-test"))),
    ),
    "A contrast that a model does not make": (
        "data out group --model model.json",
        stats_model(
            {"Level": "Run", "Name": "run", "Model": {"X": ["faces"]}},
            {"Level": "Subject", "Name": "subject", "Model": {"X": [1]}, "DummyContrasts": {"Test": "t"}},
            GROUP_NODE,
            Edges=[
                {"Source": "run", "Destination": "subject"},
                {"Source": "subject", "Destination": "group", "Filter": {"contrast": ["houses"]}},
            ],
        ),
    ),
    "No entity or column to divide by": ("data out group --by colour", None),
    "A filter file without a query for statmap": (
        "data out group --bids-filter-file f.json",
        text("f.json", '{"bold": {}}'),
    ),
    "A configuration file is not TOML": ("data out group --config-file s.toml", text("s.toml", "smoothing: 8")),
    "An unknown analysis level": ("data out galaxy", None),
    "No map has this label": ("data out group --contrast nope", None),
    "No map passes all filters": ("data out group --stat z", None),
    "A label that may be several subjects": (
        "data out group --participant-label 3",
        lambda data: write_map(data, "003", brain(np.random.default_rng(1))),
    ),
    "Two tables of sessions": ("data out group --contrast houses --formula 1+mood", two_tables_of_sessions),
    "A label with an underscore": ("data out group --contrast faces_vs_houses", with_underscores),
    "Several maps of a subject": ("data out group --contrast houses", two_runs),
    "A map on another grid": ("data out group", lambda data: write_map(data, "03", np.ones((9, 9, 9)), affine=GRID)),
    "Maps without a space": ("data out group --contrast houses", without_a_space),
    "Maps in the native space": (
        "data out group --space T1w",
        lambda data: write_group(data, 4, np.random.default_rng(1), space="T1w"),
    ),
    "Volumes and surfaces of one name": ("data out group", surfaces),
    "A mesh for volumes": ("data out group --contrast faces --surface L=a_hemi-L_pial.surf.gii", gyri),
    "Surfaces are not resampled": (f"{ON_MESH} --target-grid first", gyri),
    "A mesh of one hemisphere": (f"{GYRI} --surface L=a_hemi-L_pial.surf.gii", gyri),
    "Two meshes of one hemisphere": (f"{GYRI} --surface L=a_hemi-L_pial.surf.gii L=fine_hemi-L_pial.surf.gii", gyri),
    "A mesh with another number of vertices": (f"{GYRI} --surface fine_hemi-L_pial.surf.gii", gyri),
    "A mesh of the other hemisphere": (
        f"{GYRI} --surface L=a_hemi-R_pial.surf.gii R=a_hemi-L_pial.surf.gii",
        gyri,
    ),
    "A mesh that is none": (f"{GYRI} --surface coarse_hemi-L.label.gii", gyri),
    "A surface of FreeSurfer": (
        f"{GYRI} --surface L=lh.pial R=a_hemi-R_pial.surf.gii",
        lambda data: (gyri(data), Path("lh.pial").write_bytes(b"\xff\xff\xfecreated by jane")),
    ),
    "A mesh in metres": (
        f"{GYRI} --surface L=small_hemi-L_pial.surf.gii R=a_hemi-R_pial.surf.gii",
        lambda data: (gyri(data), saved_mesh(icosphere(1, 0.05), Path("small_hemi-L_pial.surf.gii"))),
    ),
    "No mesh for the maps": (GYRI, gyri),
    "TemplateFlow has no mask of the cortex": (f"{ON_MESH} --mask template", gyri),
    "A template under surfaces": (f"{ON_MESH} --underlay template", gyri),
    "An atlas of volumes for surfaces": (
        f"{ON_MESH} --atlas atlas.nii.gz",
        lambda data: (gyri(data), nib.save(image(np.ones(SHAPE), AFFINE, np.uint8), "atlas.nii.gz")),
    ),
    "A mask of surfaces for volumes": ("data out group --contrast faces --mask coarse_hemi-L.label.gii", gyri),
    "An atlas on another mesh": (f"{ON_MESH} --atlas coarse_hemi-L.label.gii", gyri),
    "A surface without a hemisphere": (
        "data out group --manifest maps.tsv",
        text("maps.tsv", "participant_id\teffect\n01\tcon_0001.gii\n"),
    ),
    "Files that are not maps": (GYRI, labels_only),
    "A column hemi that contradicts a name": (
        "data out group --manifest maps.tsv",
        text("maps.tsv", "participant_id\themi\teffect\n01\tR\tlh.con_0001.gii\n"),
    ),
    "Maps on other meshes": (ON_MESH, third_left(data_array([1.0] * 12))),
    "Other grayordinates": (ON_MESH, grayordinates),
    "No such atlas": (f"{PARCELS.rpartition(' ')[0]} other/atlas.nii.gz", None),
    "Names with two cohorts": (
        "data out group --space MNIPediatricAsym+3",
        lambda data: write_group(data, 4, np.random.default_rng(1), space="MNIPediatricAsym+3_cohort-2"),
    ),
    "The same image more than once": (
        "data out group",
        lambda data: nib.save(nib.load(map_path(data, "01")), map_path(data, "03")),
    ),
    "F contrasts": ("data out group --stat z", of_f),
    "A link to missing content": ("data out group", link(lambda data: map_path(data, "03"))),
    "Several maps in a file": (GYRI, third_left(data_array(GYRAL, Name="faces"), data_array(GYRAL, Name="houses"))),
    "Several volumes in a dataset of AFNI": (
        "data out group --manifest maps.tsv",
        buckets,
    ),
    "Maps of one name": (f"{GYRI} --map-name faces", third_left(*[data_array(GYRAL, Name="faces")] * 2)),
    "Degrees of freedom of two hemispheres": ("data out participant --stat t", of_two_models),
    "A map name that files do not have": (f"{GYRI} --map-name faces", gyri),
    "A time series on a surface": (GYRI, third_left(*[data_array(GYRAL)] * 20)),
    "A hemisphere that contradicts the name": (
        GYRI,
        third_left(data_array(GYRAL), AnatomicalStructurePrimary="CortexRight"),
    ),
    "Labels in place of a map": (GYRI, third_left(data_array(GYRAL, dtype="i4", intent="NIFTI_INTENT_LABEL"))),
    "Values in another file": (
        GYRI,
        third_left(data_array(GYRAL).replace("GZipBase64Binary", "ExternalFileBinary")),
    ),
    "A damaged surface file": (GYRI, third_left(data_array(GYRAL)[:-40])),
    "A pointer of Git LFS": ("data out group", third("version https://git-lfs.github.com/spec/v1\n")),
    "A web page under the name of an image": ("data out group", third("<!DOCTYPE html><html>")),
    "A damaged file": ("data out group", cut_short),
    "No map can be read": (
        "data out group --manifest maps.tsv",
        lambda _: (Path("con.mgz").touch(), Path("maps.tsv").write_text("participant_id\teffect\n01\tcon.mgz\n")),
    ),
    "A file of the table is not there": (
        "data out group --manifest maps.tsv",
        text("maps.tsv", "participant_id\teffect\n01\tno.nii\n"),
    ),
    "Half of a pair of files": ("bids-ari-map con_0001.img out --stat z", pair_without(".hdr")),
    "An image without orientation": ("bids-ari-map con_0001.img out --stat z", pair_without(".mat")),
    "A 4-D image": ("data out group", lambda data: write_map(data, "03", np.ones((*SHAPE, 3)))),
    "A map without data": ("data out group", lambda data: write_map(data, "03", np.full(SHAPE, np.nan))),
    "Wrong units": ("data out group", in_metres),
    "The mask is on another grid": ("data out group --mask mask.nii.gz", mask(np.ones((5, 5, 5)))),
    "The mask is empty": ("data out group --mask mask.nii.gz", mask(np.zeros(SHAPE))),
    "The mask holds probabilities": (MASKED, saved("mask.nii.gz", CORNER * 0.4)),
    "The mask holds negative values": (MASKED, saved("mask.nii.gz", 2 * CORNER - 1)),
    "The mask is an atlas or an anatomical image": (MASKED, saved("mask.nii.gz", CORNER + 1)),
    "The mask holds percentages or other values": (MASKED, saved("mask.nii.gz", CORNER * 80.5)),
    "An atlas with fractions": (PARCELS, saved("atlas.nii.gz", 0.5 * CORNER)),
    "An atlas with negative numbers": (PARCELS, saved("atlas.nii.gz", -2 * CORNER)),
    "An atlas without parcels": (PARCELS, saved("atlas.nii.gz", 0 * CORNER)),
    "An atlas far from the maps": (PARCELS, saved("atlas.nii.gz", np.ones((5, 5, 5)), FAR)),
    "The mask is elsewhere": ("data out group --mask mask.nii.gz", mask(CORNER)),
    "No voxel to test": ("data out group --mask mask.nii.gz", together(one_has_a_corner, mask(CORNER))),
    "No variance between subjects": ("data out group", all_alike),
    "Values or weights of another order of magnitude": ("data out group --formula 1+age --test x=1e200*age", AGES),
    "Too few subjects": ("data out group --participant-label 02", None),
    "A column that does not exist": ("data out group --formula 1+agee", AGES),
    "Values are missing": ("data out group --formula 1+age --missing error", AGES),
    "Text among numbers": ("data out group --formula 1+center(age)", column("age", 20, "24y", 25, 31)),
    "Numbers among labels": ("data out group --formula site", column("site", "a", "b", "a", 3)),
    "A value that is not among the levels": (
        "data out group --formula group",
        lambda data: (
            column("group", 1, 2, 2, 9)(data),
            (data / "participants.json").write_text('{"group": {"Levels": {"1": "patient", "2": "control"}}}'),
        ),
    ),
    "A table without tabs": ("data out group --formula 1+age", table("participant_id,age", "sub-01,20")),
    "Unequal variances": ("data out group --formula group --test more=group[T.patient]", unequal_variances),
    "Errors that are not normal": ("data out group", heavy_tails),
    "Few subjects, whose errors may be skewed": ("data out group", None),
    "Collinear columns": (
        "data out group --formula 1+a+b",
        table("participant_id a b", "sub-01 1 2", "sub-02 2 4", "sub-03 3 6", "sub-04 5 10"),
    ),
    "A constant column": ("data out group --formula 1+a", column("a", 1, 1, 1, 1)),
    "Too many columns": ("data out group --formula 1+C(g)", column("g", *"abcd")),
    "Unequal variances with one group": ("data out group --variance unequal", None),
    "No variance maps": ("data out group --estimator mixed", None),
    "Degrees of freedom of a t map": (
        "data out participant --stat t",
        lambda data: write_group(data, 4, np.random.default_rng(1), stat="t"),
    ),
    "Degrees of freedom that contradict the map": (
        "bids-ari-map map.nii out --dof 24",
        other_map("map.nii", SPM_T),
    ),
    "A t map without degrees of freedom": ("bids-ari-map tstat1.nii out", other_map("tstat1.nii")),
    "A map that is no statistic": ("bids-ari-map con_0001.nii out", other_map("con_0001.nii")),
    "A map that contradicts itself": ("bids-ari-map zstat1.nii out", other_map("zstat1.nii", SPM_T)),
    "A map whose values are of another kind": (
        "bids-ari-map map.nii out",
        other_map("map.nii", change=lambda noise: noise**2 / 100),
    ),
    "A thresholded map": (
        "bids-ari-map map.nii out",
        other_map("map.nii", change=lambda noise: np.where(noise > 2, noise, 0)),
    ),
    "No exchangeable subjects": (
        f"{PERMUTED} --formula 0+C(g) --test d=g[a]-g[b] --blocks site",
        table("participant_id g site", "sub-01 a x", "sub-02 a x", "sub-03 b y", "sub-04 b y"),
    ),
    "Permutations with missing data": (f"{PERMUTED} --coverage 0.5 --formula 1+age", lacks_data),
    "A delta as large as the mask": (f"{PERMUTED} --delta 800", None),
    "An unknown column of blocks": (f"{PERMUTED} --blocks nope", AGES),
    "Blocks that are not nested": (f"{PERMUTED} --blocks site/+family", FAMILIES),
    "Blocks without a value": (
        f"{PERMUTED} --blocks +family",
        table("participant_id family", "sub-01 f1", "sub-02 f1", "sub-03 f2", "sub-04 n/a"),
    ),
    "Blocks with nothing to exchange": (
        f"{PERMUTED} --formula 1+age --blocks +family/one",
        table("participant_id age family one", "sub-01 20 f1 1", "sub-02 24 f2 2", "sub-03 21 f2 2", "sub-04 26 f2 2"),
    ),
    "Text in a notation of numbers": (f"{PERMUTED} --blocks family,site", FAMILIES),
    "A file of blocks that does not fit": (
        f"{PERMUTED} --blocks EB.csv",
        lambda data: (FAMILIES(data), Path("EB.csv").write_text("1,1\n1,1\n1,2\n")),
    ),
    "A file that is not a template": (f"{PERMUTED} --family learned --template t.npz", text("t.npz", "nothing")),
    "A template of another family, in a file": (
        f"{PERMUTED} --family combined --template t.npz",
        lambda _: np.savez("t.npz", curves=np.full((2, 3), 0.5)),
    ),
    "An atlas in another space": (
        f"data out group --atlas {OTHER_ATLAS}",
        lambda _: nib.save(image(np.ones(SHAPE), AFFINE, np.uint8), OTHER_ATLAS),
    ),
    "An underlay elsewhere": (
        "data out group --underlay t1.nii",
        lambda _: nib.save(image(np.ones(SHAPE), FAR), "t1.nii"),
    ),
    "Slices outside of the maps": ("data out group --slices z:400", None),
    "Not enough memory": ("data out group --mem 0.001", None),
    "Some contrasts failed": ("data out group", cut_short),
    "No such folder": ("nowhere out group", None),
    "No maps": ("empty out group", lambda _: Path("empty").mkdir()),
    "No table of subjects": ("data out group --formula 1+age", None),
    "No such template": (f"{PERMUTED} --family learned --template t.npz", None),
    "Brain masks of several spaces": (
        "bids-ari-mask data mask.nii.gz",
        brain_masks(spaces=("MNI152NLin2009cAsym", "MNI152NLin6Asym")),
    ),
    "The mask would lie among its inputs": ("bids-ari-mask data data/sub-01/mask.nii.gz", brain_masks()),
    "The mask has the name of another space": ("bids-ari-mask data space-MNI152NLin6Asym_mask.nii.gz", brain_masks()),
    "Brain masks on several grids": ("bids-ari-mask data mask.nii.gz", brain_masks(far="03")),
    "Brain masks with nothing in common": ("bids-ari-mask data mask.nii.gz", brain_masks(apart=True)),
    "No brain masks of subjects": ("bids-ari-mask data mask.nii.gz", None),
    "No such mask": ("data out group --mask mask.nii.gz", None),
    "No results for reports": ("data out group --reports-only", None),
    "A file is in the way": ("data out group", text("out", "in the way")),
    "The work folder cannot be written": ("data out group --work-dir file/work", text("file", "in the way")),
    "A table that is a link": ("data out group --formula 1+age", link(lambda data: data / "participants.tsv")),
}
"""Command and what is wrong with the files, for each entry of the page that needs no more than that."""

BY_CIRCUMSTANCES = {
    "Several atlases of a name",
    "A name of an atlas with something else",
    "TemplateFlow lacks a file",
    "TemplateFlow has no grey matter of a space",
    "TemplateFlow's folder is incomplete",
    "The maps have no cohort",
    "A template cannot be fetched",
    "A mesh cannot be fetched",
    "Templates cannot be downloaded",
    "No such template or atlas",
    "Another model in the same output",
    "A choice that is not free after the analysis",
    "No result with this label",
    "No permission",
    "The disk is full",
    "The disk of TemplateFlow's folder is full",
    "A limit of memory below that of libraries",
    "A folder of a subject or of models cannot be read",
    "Another job writes this result",
    "Interrupted",
    "A bug",
}


def check(entry: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a command; its message and its code are those of an entry."""
    command, *others = (word.strip("'") for word in words.split(" "))
    programs = {"bids-ari-map": map_main, "bids-ari-mask": mask_main, "bids-ari-templates": templates_main}
    code = programs[command](others) if command in programs else main([command, *others])
    quoted = QUOTED[entry]
    assert str(code) in re.findall(r"\d+", quoted.section.partition(":")[0])
    log = " ".join(capsys.readouterr().err.split())
    pattern = ".+".join(map(re.escape, quoted.text.strip().split("...")))
    assert re.search(pattern, log), log


def test_every_entry_is_tested() -> None:
    assert BY_FILES.keys() | BY_CIRCUMSTANCES == QUOTED.keys()


@pytest.mark.parametrize("entry", BY_FILES)
def test_a_message(entry: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, spoil = BY_FILES[entry]
    (spoil or nullcontext)(data)
    check(entry, words, capsys)


AFTER_LIST = {
    *("The output folder holds another dataset", "A file is in the way", "No results for reports", "Not enough memory"),
    *(
        "The same image more than once",
        "A map without data",
        "The mask is elsewhere",
        "No voxel to test",
        "No variance between subjects",
    ),
    *("Permutations with missing data", "A delta as large as the mask", "No exchangeable subjects"),
    "Blocks with nothing to exchange",
}
"""Entries whose problem is in the values of maps, the output or the machine, which ``--list`` does not look at."""


@pytest.mark.parametrize("entry", [name for name, (words, _) in BY_FILES.items() if words.startswith("data ")])
def test_list_ends_with_the_code_of_the_run(entry: str, data: Path) -> None:
    words, spoil = BY_FILES[entry]
    (spoil or nullcontext)(data)
    before = {*Path().rglob("*")}
    code = main([*(word.strip("'") for word in words.split(" ")), "--list"])
    expected = ["0"] if entry in AFTER_LIST else re.findall(r"\d+", QUOTED[entry].section.partition(":")[0])
    assert str(code) in expected
    assert {*Path().rglob("*")} == before


def unplugged(*_: object, **__: object) -> None:
    """Raise the error of a machine without a network."""
    raise ConnectionError


def full(*_: object, **__: object) -> None:
    """Raise the error of a disk without space."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_template(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """TemplateFlow knows the mask, and there is no network."""
    api = SimpleNamespace(ls=lambda *_, **__: ["tpl-MNI152NLin2009cAsym_res-02_desc-brain_mask.nii.gz"], get=unplugged)
    monkeypatch.setitem(sys.modules, "templateflow", SimpleNamespace(api=api))
    monkeypatch.setenv("TEMPLATEFLOW_HOME", "new")
    check("A template cannot be fetched", "data out group --mask template", capsys)


def test_templates_that_cannot_be_downloaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = SimpleNamespace(get=unplugged)
    monkeypatch.setitem(sys.modules, "templateflow", SimpleNamespace(api=api, __spec__=templateflow.__spec__))
    words = f"bids-ari-templates {tmp_path} {{}}:res-2"
    check("Templates cannot be downloaded", words.format("MNI152NLin6Asym"), capsys)
    api.get = full
    check("The disk of TemplateFlow's folder is full", words.format("MNI152NLin6Asym"), capsys)
    check("No such template or atlas", words.format("MNI152NLin2009cAsm"), capsys)


@pytest.mark.parametrize(
    ("entry", "names", "words"),
    [
        (
            "Several atlases of a name",
            ["atlas-Schaefer2018_desc-100Parcels7Networks_dseg", "atlas-Schaefer2018_desc-200Parcels7Networks_dseg"],
            "--atlas Schaefer2018",
        ),
        (
            "A name of an atlas with something else",
            ["atlas-Schaefer2018_desc-100Parcels7Networks_dseg"],
            "--atlas Schaefer2018:den-10k",
        ),
        ("TemplateFlow lacks a file", ["desc-head_mask"], "--mask template"),
        (
            "TemplateFlow's folder is incomplete",
            ["atlas-Schaefer2018_desc-200Parcels7Networks_dseg"],
            "--atlas Schaefer2018:100Parcels7Networks",
        ),
        ("The maps have no cohort", ["cohort-1_desc-brain_mask", "cohort-2_desc-brain_mask"], "--mask template"),
    ],
)
def test_names_of_templateflow(
    entry: str,
    names: list[str],
    words: str,
    data: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = [f"tpl-MNI152NLin2009cAsym_{name}.nii.gz" for name in names]
    package = SimpleNamespace(api=SimpleNamespace(ls=lambda *_, **__: files), __spec__=templateflow.__spec__)
    monkeypatch.setitem(sys.modules, "templateflow", package)
    monkeypatch.setenv("TEMPLATEFLOW_HOME", "new")
    check(entry, f"data out group {words}", capsys)


def test_no_grey_matter(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    brain_masks(spaces=("MNI152NLin6Asym",))(data)
    offline_client(Path("home"), monkeypatch)
    add(Path("home"), "tpl-MNI152NLin6Asym_res-02_desc-brain_probseg.nii.gz")
    words = "bids-ari-mask data mask.nii.gz --grey-matter template"
    check("TemplateFlow has no grey matter of a space", words, capsys)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc, where not even root may make a folder")
def test_a_mesh(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """TemplateFlow knows the meshes, and there is no network."""
    offline_client(Path("home"), monkeypatch)
    add(Path("home"), *(f"tpl-fsaverage_hemi-{side}_den-3k_pial.surf.gii" for side in "LR"), content="")
    for subject, side in product(("01", "02", "03", "04"), "LR"):
        places = {"hemi": side, "space": "fsaverage", "contrast": "gyri", "extension": ".func.gii"}
        save_gifti(map_path(data, subject, **places), np.ones(2562))
    check("A mesh cannot be fetched", GYRI, capsys)


def test_no_permission(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check("No permission", "data /proc/self/results group", capsys)


def test_a_folder_that_cannot_be_read(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse(monkeypatch, data / "sub-02", errno.EACCES)
    for words in ("bids-ari-mask data mask.nii.gz", "data out group"):
        check("A folder of a subject or of models cannot be read", words, capsys)


def test_a_limit_of_memory(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (300 * 2**20, resource.RLIM_INFINITY))
    check("A limit of memory below that of libraries", "data out group", capsys)


def test_another_model(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "out", "group"]) == 0
    check("Another model in the same output", "data out group --coverage 0.5", capsys)


def test_a_choice_that_is_not_free(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "out", "group"]) == 0
    check("A choice that is not free after the analysis", "data out group --reports-only --alpha 0.01", capsys)


def test_no_result_with_a_label(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "out", "group"]) == 0
    check("No result with this label", "data out group --reports-only --label nope", capsys)


def test_a_result_that_another_job_writes(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Derivatives(Path("out"), {}) as out, out.result(FACES):
        check("Another job writes this result", "data out group", capsys)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ("The disk is full", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out/group/a.nii.gz")),
        ("Interrupted", KeyboardInterrupt()),
        ("A bug", ZeroDivisionError()),
    ],
)
def test_what_happens_during_the_work(
    entry: str,
    error: BaseException,
    data: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def strike(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(workflow, "analyse", strike)
    check(entry, "data out group", capsys)
