"""Small studies in which something is excluded for every reason of `bids_ari.bids.exclusions`."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import nibabel as nib
import numpy as np
from builders import brain, describe, image, map_path, touch_maps, write_map

from bids_ari.bids.exclusions import Reason
from bids_ari.bids.layouts import open_layouts


class Study(NamedTuple):
    """A study, the words of the command after its folders, and the reasons for which something is excluded."""

    make: Callable[[Path], list[str]]
    reasons: tuple[Reason, ...]


def odd_files(root: Path) -> list[str]:
    """Files and links that are no maps of subjects, maps that filters exclude, and odd lines of participants.tsv."""
    subjects = ["01", "02", "03", "04", "05", "06"]
    maps(root, *subjects)
    maps(root, "06", "07", stat="z")
    maps(root, "08")
    maps(root, "01", contrast="houses")
    maps(root, "01", desc="smooth")
    path = map_path(root, "01")
    (path.parent / f"mean_{path.name}").touch()
    touch_maps(root, "01", contrast="faces_vs_houses")
    touch_maps(root, "01", contrast="faces", acq="a_x-")
    touch_maps(root, "01", contrast="faces_task-b")
    map_path(root, "02").rename(root / "sub-01" / "func" / map_path(root, "02", acq="lost").name)
    maps(root, "02")
    maps(root, "09")
    describe(root / "sub-09", Name="nested")
    map_path(root, "10").mkdir(parents=True)
    path = map_path(root, "11", acq="x")
    path.parent.mkdir(parents=True)
    (path.parent / os.fsdecode(path.name.replace("acq-x", "acq-y").encode().replace(b"-y", b"-\xff"))).touch()
    touch_maps(root, "01", hemi="L", extension=".surf.gii")
    touch_maps(root, "01", hemi="both", extension=".func.gii")
    touch_maps(root, "01", extension=".tsv")
    touch_maps(root, None, "01", contrast=None)
    touch_maps(root, None)
    touch_maps(root, "01", test="mean")
    (root / "sub-01" / "all").symlink_to("..")
    (root / "sub-12").symlink_to("/not/mounted")
    describe(root / "ours", GeneratedBy=[{"Name": "bids_ari"}])
    table(root, {"01": "20", "02": "31", "03": "26", "05": "n/a", "6": "24", "006": "24", "07": "25"})
    where = root.parent / "filter.json"
    where.write_text(json.dumps({"statmap": {"desc": None}}))
    filters = ["--contrast", "faces", "--exclude", "08", "--bids-filter-file", str(where)]
    return ["group", "--formula", "1 + age", *filters]


def runs_and_variances(root: Path) -> list[str]:
    """Maps of runs beside those of subjects, and maps without variance."""
    for run in ("1", "2"):
        maps(root, "01", "02", "03", "04", run=run)
        maps(root, "01", "02", "03", run=run, stat="variance")
    maps(root, "04", run="1", stat="variance")
    maps(root, "05")
    for stat in ("effect", "variance"):
        maps(root, "01", "02", "03", contrast="staged", node="subjectLevel", stat=stat)
        maps(root, "01", contrast="staged", node="runLevel", run="1", stat=stat)
    return ["group", "--combine", "run", "--estimator", "mixed"]


def differences(root: Path) -> list[str]:
    """Sessions of which one is missing, not compared, or of other runs; surfaces of which hemispheres are missing."""
    for session in ("1", "2"):
        maps(root, "01", "02", "03", session=session)
    maps(root, "01", session="3")
    maps(root, "04", session="1")
    maps(root, "05", session="1", run="1")
    maps(root, "05", session="2", run="2")
    maps(root, "01", "02", session="1", contrast="houses")
    surfaces = {"session": "1", "contrast": "speech", "extension": ".func.gii"}
    for hemi in ("L", "R"):
        touch_maps(root, "01", "02", run="1", hemi=hemi, **surfaces)
    touch_maps(root, "02", run="2", hemi="L", **surfaces)
    touch_maps(root, "03", run="1", hemi="L", **surfaces)
    return ["group", "--paired", "session=2-1"]


def phases(root: Path) -> list[str]:
    """Sessions of which one has no value in sessions.tsv."""
    for session in ("1", "2", "3"):
        maps(root, "01", "02", "03", session=session)
    for subject in ("01", "02", "03"):
        lines = "session_id\tphase\nses-1\tpre\nses-2\tpost\nses-3\tn/a\n"
        (root / f"sub-{subject}" / f"sub-{subject}_sessions.tsv").write_text(lines)
    return ["group", "--paired", "phase=post-pre"]


def manifest(root: Path) -> list[str]:
    """A table of maps with a line without one, and one that names the header of another."""
    paths = maps(root, "01", "02", "03")
    lines = [
        "participant_id\teffect",
        *(f"{i}\t{path}" for i, path in enumerate(paths, 1)),
        "4\tn/a",
        "5\tcon_0001.hdr",
    ]
    (root / "con_0001.hdr").touch()
    (root / "maps.tsv").write_text("\n".join(lines) + "\n")
    return ["group", "--manifest", str(root / "maps.tsv")]


def model(root: Path) -> list[str]:
    """A Stats Model that selects subjects."""
    maps(root, "01", "02", "03", "04")
    table(root, {"01": "20", "02": "20", "03": "20", "04": "30"})
    group = {"Level": "Dataset", "Name": "g", "GroupBy": ["contrast"], "Model": {"Type": "glm", "X": [1]}}
    run = {"Level": "Run", "Name": "r", "GroupBy": ["run", "subject"], "Model": {"Type": "glm", "X": ["faces"]}}
    edges = [{"Source": "r", "Destination": "g", "Filter": {"age": ["20"]}}]
    group |= {"DummyContrasts": {"Test": "t"}}
    path = root.parent / "model_smdl.json"
    path.write_text(json.dumps({"Name": "m", "BIDSModelVersion": "1.0.0", "Nodes": [run, group], "Edges": edges}))
    return ["group", "--model", str(path)]


def nodes(root: Path) -> list[str]:
    """A model whose node of subjects subtracts contrasts, of which a subject lacks one; Input names another."""
    for contrast in ("a", "b", "c"):
        maps(root, "01", "02", "03", contrast=contrast, node="runLevel", run="1")
    maps(root, "04", contrast="a", node="runLevel", run="1")
    rows = {"Name": "aMinusB", "ConditionList": ["a", "b"], "Weights": [1, -1], "Test": "t"}
    change = {"GroupBy": ["subject"], "Model": {"X": ["a", "b"], "Type": "glm"}, "Contrasts": [rows]}
    mean = {"Model": {"X": [1], "Type": "glm"}, "DummyContrasts": {"Test": "t"}}
    levels = [
        {"Level": "Run", "Name": "run_level", "GroupBy": ["run", "subject"], "Model": {"X": ["a", "b", "c"]}},
        {"Level": "Subject", "Name": "subject_level", **change},
        {"Level": "Dataset", "Name": "group_level", "GroupBy": ["contrast"], **mean},
    ]
    subjects = ["01", "02", "03", "04", "05"]
    content = {"Name": "m", "BIDSModelVersion": "1.0.0", "Input": {"subject": subjects}, "Nodes": levels}
    path = root.parent / "model_smdl.json"
    path.write_text(json.dumps(content))
    return ["group", "--model", str(path)]


def listed(root: Path) -> list[str]:
    """A table of subjects with one without any map."""
    maps(root, "01", "02", "03")
    table(root, {"1": "20", "2": "20", "3": "20", "4": "30"})
    return ["group"]


def divided(root: Path) -> list[str]:
    """Analyses for each session and age, which some maps lack."""
    maps(root, "01", "02", "03", "04", "05", "06", session="1")
    maps(root, "06")
    table(root, {"1": "young", "2": "young", "3": "old", "4": "old", "5": "n/a", "6": "old"})
    return ["group", "--by", "session", "age"]


def sessions(root: Path) -> list[str]:
    """Labels of sessions that differ in leading zeros."""
    maps(root, "01", "02", "03", session="1")
    maps(root, "04", session="01")
    return ["group", "--session-label", "1"]


def f_contrasts(root: Path) -> list[str]:
    """An F contrast: its effect has a volume for each of its rows."""
    maps(root, "01", "02", "03")
    for subject in ("01", "02", "03"):
        maps(root, subject, contrast="any", stat="F")
        path = map_path(root, subject, contrast="any")
        nib.save(image(np.ones((4, 4, 4, 2))), path)
    return ["group"]


def z_of_f_contrasts(root: Path) -> list[str]:
    """The z map of an F contrast."""
    maps(root, "01", "02", "03", stat="z")
    maps(root, "01", "02", "03", contrast="any", stat="F")
    maps(root, "01", "02", "03", contrast="any", stat="z")
    return ["group", "--stat", "z"]


def indexed(root: Path) -> list[str]:
    """A file that was there when pybids indexed the dataset."""
    maps(root, "01", "02", "03", "04")
    describe(root)
    open_layouts(root.parent / "db", root, [root], make=True)
    shutil.rmtree(root / "sub-04")
    return ["group", "--bids-database-dir", str(root.parent / "db")]


STUDIES = {
    "odd files": Study(
        odd_files,
        (
            *(Reason.NESTED, Reason.FOLDER, Reason.NOT_UTF_8, Reason.NOT_A_MAP, Reason.NOT_AN_IMAGE),
            *(Reason.UNKNOWN_HEMISPHERE, Reason.WHOLE_DATASET),
            *(Reason.GROUP_RESULT, Reason.NO_ENTITY, Reason.OTHER_STAT, Reason.NOT_SELECTED, Reason.BY_FILTER_FILE),
            *(Reason.BY_LABEL, Reason.NO_MAP, Reason.NO_ROW, Reason.UNCLEAR_ROW, Reason.NO_VALUE, Reason.CYCLE),
            *(Reason.DANGLING, Reason.OUR_RESULTS, Reason.UNDERSCORE, Reason.NO_PAIR, Reason.REPEATED_KEY),
            Reason.OTHER_FOLDER,
        ),
    ),
    "runs": Study(runs_and_variances, (Reason.OTHER_STAGE, Reason.NO_VARIANCE, Reason.NO_VARIANCES)),
    "differences": Study(
        differences,
        (
            *(Reason.NO_COUNTERPART, Reason.NOT_COMPARED, Reason.NOT_A_PAIR, Reason.ONE_SIDE),
            *(Reason.NOT_ALIKE, Reason.UNLIKE, Reason.NO_HEMISPHERE, Reason.HALF_A_MAP),
        ),
    ),
    "phases": Study(phases, (Reason.NO_SESSION_VALUE,)),
    "manifest": Study(manifest, (Reason.NO_MAP_IN_MANIFEST, Reason.NAMED_IN_MANIFEST)),
    "model": Study(model, (Reason.BY_MODEL,)),
    "nodes": Study(nodes, (Reason.NOT_PASSED_ON, Reason.NO_MAP_FOR_NODE, Reason.NOT_THERE)),
    "listed": Study(listed, (Reason.ONLY_LISTED,)),
    "divided": Study(divided, (Reason.NOT_DIVIDED, Reason.NO_GROUP)),
    "sessions": Study(sessions, (Reason.NEARLY_SELECTED,)),
    "F contrasts": Study(f_contrasts, (Reason.SEVERAL_EFFECTS,)),
    "z of F contrasts": Study(z_of_f_contrasts, (Reason.NO_DIRECTION,)),
    "database": Study(indexed, (Reason.GONE,)),
}


def maps(root: Path, *subjects: str, **names: str) -> list[Path]:
    """Write a map of each subject; each has its own noise."""
    noise = [brain(np.random.default_rng(crc32(f"{subject} {names}".encode()))) for subject in subjects]
    if names.get("stat") == "variance":
        noise = [np.abs(each) for each in noise]
    return [write_map(root, subject, each, **names) for subject, each in zip(subjects, noise, strict=True)]


def table(root: Path, ages: dict[str, str]) -> None:
    """Write a table of subjects with their age."""
    lines = (f"sub-{subject}\t{age}\n" for subject, age in ages.items())
    (root / "participants.tsv").write_text("participant_id\tage\n" + "".join(lines))
