"""The contrast set of a single map that is not in a dataset."""

import re
from pathlib import Path

from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.entities import Entities, bare_label, labels_in_name, printable
from bids_ari.bids.hemispheres import bids_name, hemisphere_files, hemisphere_of_name, name_without_hemisphere
from bids_ari.bids.kinds import extension_of, kind_of
from bids_ari.bids.names import problem_of_name
from bids_ari.bids.pairs import pair_files
from bids_ari.bids.spaces import labels_of_space
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import Stat, SubjectMap

MAP_SOURCE = "map"  # the name, in BIDS URIs, of the folder of a map outside any dataset
_AFNI_VIEW = re.compile(r"\+(orig|acpc|tlrc)$")  # end of the names of AFNI's datasets
_OF_RESULTS = ("stat", "desc", "test")  # keys of entities that the names of results have themselves


def contrast_of_map(path: Path, stat: Stat, space: str | None = None) -> ContrastSet:
    """Return the contrast set of one statistical map that is not in a dataset.

    Parameters
    ----------
    path : Path
        The map; of surfaces, the file of one hemisphere: with that of the other one beside it, they are one map. The
        entities of its name, if it has a contrast, name the results; else its whole name does.
    stat : {'effect', 't', 'z'}
        The statistic of the map.
    space : str, optional
        The label of its space; by default, that of its name.
    """
    paths = hemisphere_files(path)
    of_space = {} if space is None else labels_of_space(bare_label(space, "space"))
    labels = [_labels(each) | of_space for each in paths]
    files = [
        StatMap(str(each), printable(each.name), MAP_SOURCE, Entities.of(own), _extension(each.name))
        for each, own in zip(paths, labels, strict=True)
    ]
    file = files[0] if len(files) == 1 else pair_files(*files)
    return ContrastSet(file.entities.written(), stat, (SubjectMap(labels[0].get("sub", ""), (file,)),))


def _labels(path: Path) -> dict[str, str]:
    """Return the labels of the entities of a map by its name."""
    name = bids_name(path.name)
    side = hemisphere_of_name(name) if kind_of(_extension(name)) == "GIFTI" else None
    labels = {key: label for key, label in labels_in_name(name).items() if key not in _OF_RESULTS}
    if "contrast" not in labels or problem_of_name(name):
        stem = (name_without_hemisphere(name) if side else name).removesuffix(_extension(name))
        stem = _AFNI_VIEW.sub("", stem)
        labels = {"contrast": re.sub("[^a-zA-Z0-9]", "", stem) or "map"}
    return labels | ({"hemi": side} if side else {})


def _extension(name: str) -> str:
    """Return the extension of an image: a known one, else what follows the first dot."""
    extension = extension_of(name)
    return extension if kind_of(extension) else name[len(name.partition(".")[0]) :]
