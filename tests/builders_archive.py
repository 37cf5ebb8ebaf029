"""Results of every kind that can be saved, and changed archives."""

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from builders import SHAPE, brain, describe, image, map_path, write_group, write_map

import bids_ari as ari
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.single import analyse_map, analyse_subject
from bids_ari.bids.discover import subject_contrasts
from bids_ari.bids.entities import Entities
from bids_ari.bids.exclusions import Excluded
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import SubjectMap

Arrays = dict[str, Any]
"""The arrays of an archive, or the bytes of an invalid ``.npy`` file."""

Change = Callable[[dict[str, Any], Arrays], object]


def group(folder: Path, signal: float = 3.0, **options: Any) -> ContrastResult:
    """Eight subjects with signal in a blob, and a variance map that is not used."""
    rng = np.random.default_rng(7)
    describe(folder / "in")
    write_group(folder / "in", 8, rng, signal=signal)
    write_map(folder / "in", "01", brain(rng), stat="variance")
    return _first(folder / "in", **{"threshold": (2, 50), "tdp": (0.5,), **options})


def gaps(folder: Path) -> ContrastResult:
    """Two of eight subjects lack a slab each: degrees of freedom differ between voxels."""
    rng = np.random.default_rng(8)
    for i in range(8):
        data = brain(rng, 3.0)
        data[:, :, : 4 * (i < 2) + 2 * (i < 1)] = np.nan
        write_map(folder / "in", f"{i:02d}", data)
    return _first(folder / "in", coverage=0.5, threshold=(2,), tdp=(0.5,))


def regions(folder: Path) -> ContrastResult:
    """An atlas whose last parcel is empty, regions that overlap, one of all voxels, a mask and smoothing."""
    numbers = np.ones(SHAPE, dtype=np.int16)
    numbers[SHAPE[0] // 2 :] = 2
    inside = np.zeros(SHAPE)
    inside[2:9, 2:9, 2:11] = 1
    masks = {"halves": numbers, "mask": inside, "front": np.indices(SHAPE)[1] > 4, "top": np.indices(SHAPE)[2] > 4}
    masks["whole"] = np.ones(SHAPE)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in masks.items():
        nib.save(image(data), folder / f"{name}.nii.gz")
    (folder / "halves.tsv").write_text("index\tname\n1\tback & front\n2\t<right>\n7\tnowhere\n")
    paths = {name: folder / f"{name}.nii.gz" for name in masks}
    return group(
        folder,
        mask=paths["mask"],
        smoothing=4.0,
        atlas=str(paths["halves"]),
        atlas_labels=folder / "halves.tsv",
        roi=(paths["front"], paths["top"], paths["whole"]),
    )


def odd_words(folder: Path) -> ContrastResult:
    """Texts that a careless format would change; two one-sided tests, which add a note."""
    result = group(folder, alternative=("greater", "less"))
    words = "\"'\\</script> é 脳 \U0001f9e0 \t\n\x1b\x7f n/a NaN \udce9\udcff"
    contrast = replace(
        result.contrast,
        entities=Entities.of({"contrast": "a b & é", "task": "脳"}),
        excluded=(Excluded(f"first-level/{words}", words), Excluded("", "")),
    )
    return replace(result, contrast=contrast, notes=(*result.notes, words))


def combined(folder: Path) -> ContrastResult:
    """Runs of each subject combined by their variances, with a hash of each file."""
    result = group(folder)

    def files(subject: str, stat: str) -> tuple[StatMap, ...]:
        paths = [map_path(folder / "in", subject, run=run, stat=stat) for run in ("1", "2")]
        named = [(path, path.relative_to(folder / "in").as_posix()) for path in paths]
        entities = Entities.of({"sub": subject, "contrast": "faces", "stat": stat})
        return tuple(StatMap(str(path), name, "in", entities, ".nii.gz") for path, name in named)

    members = tuple(
        SubjectMap(subject, files(subject, "effect"), files(subject, "variance"), dof=14.5 if subject == "01" else None)
        for subject in result.contrast.subjects
    )
    contrast = replace(result.contrast, members=members, combined="run")
    return replace(
        result,
        contrast=contrast,
        hashes={member.all_maps[1].uri: "0a" * 32 for member in reversed(members)},
    )


def factor(folder: Path) -> ContrastResult:
    """The F test of a factor with three levels."""
    rng = np.random.default_rng(11)
    write_group(folder / "in", 12, rng)
    rows = [f"sub-{i + 1:02d}\t{'abc'[i % 3]}\t{20 + i * i % 7}" for i in range(12)]
    table = folder / "in" / "participants.tsv"
    table.write_text("\n".join(["participant_id\tgroup\tage", *rows]))
    options = ari.Options(formula="1 + C(group) + center(age)", threshold=(2,), tdp=(0.5,))
    results = ari.analyse(ari.discover(folder / "in")[0], options, participants=table)
    return next(result for result in results if result.is_f_test)


def mixed(folder: Path) -> ContrastResult:
    """Weights by first-level variances, and the between-subject variance; one variance map has a hole."""
    rng = np.random.default_rng(12)
    for i in range(6):
        variance = rng.uniform(0.5, 2, SHAPE)
        variance[4, 5, 6] *= i != 3
        write_map(folder / "in", f"{i:02d}", brain(rng, 4.0))
        write_map(folder / "in", f"{i:02d}", variance, stat="variance")
    (contrast,) = ari.discover(folder / "in", weights=True)
    (result,) = ari.analyse(contrast, ari.Options(estimator="mixed", threshold=(2,), tdp=(0.5,)))
    return result


def within(folder: Path) -> ContrastResult:
    """Differences between three sessions, tested together, beside two groups."""
    rng = np.random.default_rng(14)
    for i in range(8):
        for session, signal in (("a", 0.0), ("b", 4.0), ("c", -2.0)):
            write_map(folder / "in", f"{i:02d}", brain(rng, signal), session=session)
    table = folder / "in" / "participants.tsv"
    table.write_text("participant_id\tgroup\n" + "".join(f"sub-{i:02d}\t{'xy'[i % 2]}\n" for i in range(8)))
    (contrast,) = ari.discover(folder / "in", within="session")
    options = ari.Options(formula="1 + group", threshold=(2,), tdp=(0.5,))
    return ari.analyse(contrast, options, participants=table)[0]


def paired(folder: Path) -> ContrastResult:
    """Differences within subjects between two sessions."""
    rng = np.random.default_rng(13)
    for i in range(6):
        for session, signal in (("pre", 0.0), ("post", 4.0)):
            write_map(folder / "in", f"{i:02d}", brain(rng, signal), session=session)
    (contrast,) = ari.discover(folder / "in", paired="session=post-pre")
    (result,) = ari.analyse(contrast, ari.Options(threshold=(2,), tdp=(0.5,)))
    return result


def subject_map(folder: Path, stat: str) -> ContrastResult:
    """A z or t map of one subject."""
    path = write_map(folder / "in", "01", brain(np.random.default_rng(9), 6.0), stat=stat, session="pre")
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text('{"DegreesOfFreedom": 151.5}')
    (contrast,) = subject_contrasts(ari.discover(folder / "in", stat=stat))  # type: ignore[arg-type]
    (result,) = analyse_subject(contrast, ari.Options(alternative=("two-sided",), threshold=(2,), tdp=()))
    return result


def other_map(folder: Path, dof: float | None, data: np.ndarray | None = None, **options: Any) -> ContrastResult:
    """A map of other software, z or, with degrees of freedom, t; by default with one infinite voxel."""
    folder.mkdir(parents=True, exist_ok=True)
    if data is None:
        data = brain(np.random.default_rng(10), 5.0)
        data[4, 5, 6] = np.inf if dof is None else 90.0
    nib.save(image(data, dtype=np.float64), folder / "my map.nii")
    (result,) = analyse_map(folder / "my map.nii", ari.Options(**options), dof=dof)
    return result


RESULTS: Mapping[str, Callable[[Path], ContrastResult]] = {
    "greater": lambda folder: group(folder, threshold=(2, 3, 50), tdp=(0.3, 0.7)),
    "less": lambda folder: group(folder, alternative=("less",)),
    "two-sided": lambda folder: group(folder, alternative=("two-sided",), connectivity=26),
    "signs joined": lambda folder: group(folder, alternative=("two-sided",), join_signs=True, threshold=(1,)),
    "hommel, divided alpha": lambda folder: group(folder, method="hommel", alpha=0.05 / 3, n_results=3, smoothing=6),
    "permutation": lambda folder: group(
        folder, method="permutation", family="simes", n_permutations=100, step_down=True
    ),
    "two families": lambda folder: group(folder, method="permutation", n_permutations=100, delta=3),
    "learned": lambda folder: group(folder, method="permutation", family="learned", n_permutations=64),
    "nothing found": lambda folder: group(folder, signal=0.0, threshold=(50, 60), tdp=()),
    "gaps": gaps,
    "factor": factor,
    "mixed": mixed,
    "paired": paired,
    "within": within,
    "regions": regions,
    "odd words": odd_words,
    "combined": combined,
    "subject z": lambda folder: subject_map(folder, "z"),
    "subject t": lambda folder: subject_map(folder, "t"),
    "other z": lambda folder: other_map(folder, None, tdp=(1 / 3,)),
    "ties": lambda folder: other_map(folder, None, np.round(brain(np.random.default_rng(11), 3.0)), threshold=1),
    "other t": lambda folder: other_map(folder, 11.5, alternative=("less",), threshold=2.1),
}
"""One of each kind."""


def opened(content: bytes) -> tuple[dict[str, Any], Arrays]:
    """Read text and arrays of an archive as any other program would."""
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file.items())
    return json.loads(arrays.pop("about").tobytes()), arrays


def changed(content: bytes, change: Change) -> bytes:
    """Change text and arrays of an archive, with valid checksums."""
    about, arrays = opened(content)
    change(about, arrays)
    members = {name: array if isinstance(array, bytes) else npy(array) for name, array in arrays.items()}
    about["crc32"] = {name: zlib.crc32(member) for name, member in members.items()}
    return zipped({"about": npy(np.frombuffer(json.dumps(about).encode(), np.uint8)), **members})


def npy(array: np.ndarray) -> bytes:
    """Write an array as a file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def zipped(members: Mapping[str, bytes], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Write the members of an archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packed) as file:
        for name, member in members.items():
            file.writestr(f"{name}.npy", member)
    return buffer.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    """Read the members of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name.removesuffix(".npy"): file.read(name) for name in file.namelist()}


def _first(root: Path, **options: Any) -> ContrastResult:
    return ari.analyse(ari.discover(root)[0], ari.Options(**options))[0]
