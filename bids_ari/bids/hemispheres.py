"""Hemispheres in the names of surface files: the files of the left and the right one make one map."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Hemisphere = Literal["L", "R"]

SIDES: Mapping[Hemisphere, str] = {"L": "left", "R": "right"}
"""The hemispheres by their label in BIDS, with their name."""

GIFTI = ".gii"
"""The end of the names of GIFTI files, of which each has the values of one hemisphere."""

OF_A_HEMISPHERE = (GIFTI, f"{GIFTI}.gz", ".annot")
"""The ends of the names of files that have one hemisphere; ``.annot`` is an annotation of FreeSurfer."""

_LABELS: Mapping[str, Hemisphere] = {"l": "L", "lh": "L", "left": "L", "r": "R", "rh": "R", "right": "R"}
_OTHER = {"l": "r", "lh": "rh", "left": "right", "r": "l", "rh": "lh", "right": "left"}
_MARKS = (
    re.compile(r"(?:^|_)hemi-([a-zA-Z]+)(?=[_.])"),  # BIDS
    re.compile(r"(?:^|[._-])([lr]h)(?=[._-])", re.IGNORECASE),  # FreeSurfer: lh.thickness.gii, con_0001_lh.gii
    re.compile(r"\.([LR])(?=\.)"),  # Connectome Workbench: sub-01.L.thickness.32k_fs_LR.shape.gii
)

_BEHIND_SUFFIX = re.compile(r"_([a-zA-Z0-9]+)_(hemi-[a-zA-Z]+)((?:\.[a-z]+)?\.gii(?:\.gz)?)$")


def hemisphere_of_label(label: str) -> Hemisphere | None:
    """Return the hemisphere that the label of an entity ``hemi`` means; None for other labels.

    >>> hemisphere_of_label("L"), hemisphere_of_label("rh"), hemisphere_of_label("both")
    ('L', 'R', None)
    """
    return _LABELS.get(label.lower())


def hemisphere_of_name(name: str) -> Hemisphere | None:
    """Return the hemisphere that the name of a file says; None where it says none.

    >>> hemisphere_of_name("sub-01_hemi-R_statmap.func.gii"), hemisphere_of_name("lh.con_0001.gii")
    ('R', 'L')
    """
    found = _mark(name)
    return hemisphere_of_label(found[1]) if found else None


def bids_name(name: str) -> str:
    """Return the name of a surface file with its hemisphere before the suffix, where BIDS has it.

    nilearn's ``PolyData.to_filename`` adds it at the end of names that have none.

    >>> bids_name("sub-01_contrast-faces_stat-z_statmap_hemi-L.gii")
    'sub-01_contrast-faces_stat-z_hemi-L_statmap.gii'
    """
    return _BEHIND_SUFFIX.sub(r"_\2_\1\3", name) if name.endswith(OF_A_HEMISPHERE) else name


def labelled_file(text: str) -> tuple[Hemisphere | None, Path]:
    """Return the hemisphere, if there is one, and the path of ``L=FILE`` or ``FILE``.

    >>> labelled_file("L=a_pial.surf.gii"), labelled_file("lh.pial.gii")
    (('L', PosixPath('a_pial.surf.gii')), (None, PosixPath('lh.pial.gii')))
    """
    label, _, path = text.partition("=")
    side = hemisphere_of_label(label) if path else None
    return side, Path(path if side else text)


def name_without_hemisphere(name: str) -> str:
    """Return the name of a file without what says its hemisphere.

    >>> name_without_hemisphere("lh.con_0001.gii"), name_without_hemisphere("con_hemi-L_statmap.gii")
    ('con_0001.gii', 'con_statmap.gii')
    """
    found = _mark(name)
    return (name[: found.start()] + name[found.end() :]).lstrip("._-") if found else name


def hemisphere_files(path: Path) -> tuple[Path, ...]:
    """Return the files of both hemispheres, the left one first, given either; the file itself if there is one only.

    Parameters
    ----------
    path : Path
        Any file. The other one is that in the same folder whose name differs in its hemisphere only: ``hemi-L`` and
        ``hemi-R``, ``lh`` and ``rh`` between dots, underscores or dashes, or ``L`` and ``R`` between dots. It may be a
        link to content that is not there.
    """
    found = _mark(path.name) if path.name.endswith(OF_A_HEMISPHERE) else None
    if found is None:
        return (path,)
    name = path.name[: found.start(1)] + _mirrored(found[1]) + path.name[found.end(1) :]
    other = path.with_name(name)
    if not os.path.lexists(other):
        return (path,)
    return (path, other) if hemisphere_of_label(found[1]) == "L" else (other, path)


def _mark(name: str) -> re.Match[str] | None:
    """Return where a name says its hemisphere, if it does."""
    found = next(filter(None, (mark.search(name) for mark in _MARKS)), None)
    return found if found and hemisphere_of_label(found[1]) else None


def _mirrored(label: str) -> str:
    """Return the label of the other hemisphere, in the same case.

    >>> _mirrored("L"), _mirrored("lh"), _mirrored("Left")
    ('R', 'rh', 'Right')
    """
    other = _OTHER[label.lower()]
    return other.upper() if label.isupper() else other.title() if label.istitle() else other
