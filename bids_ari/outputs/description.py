"""What the output says of itself as a BIDS dataset: who made it, from what, and how to read it."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from bids_ari._version import __version__
from bids_ari.bids.entities import printable
from bids_ari.bids.sidecars import read_json
from bids_ari.bids.tree import DESCRIPTION
from bids_ari.errors import ReadError
from bids_ari.runtime import provenance

log = logging.getLogger(__name__)

BIDS_VERSION = "1.10.0"
CODE_URL = "https://github.com/bids-ari/bids_ari"

IGNORED = ("group", "sub-*", "figures", "logs", "*.html", "layout_config.json")
"""What no BIDS schema knows."""

README = """\
# All-Resolutions Inference

Made by bids_ari. Open `index.html` for the reports. For each contrast, `group/` (or `sub-*/`, where subjects were
analysed by themselves) holds statistical maps, the clusters above each threshold and the largest clusters that reach a
wanted true discovery proportion (label image, table), and the true discovery proportion (TDP) of each: with the stated
confidence, at least that fraction of the voxels of the cluster is truly active. `descriptions.tsv` says what each
`desc-` label means. Where bounds were calibrated by sign flips or permutations (`Permutation` in `desc-`),
`..._critical.tsv` holds the critical vector and `..._draws.tsv` the draws it comes from.
"""

COLUMNS = {
    "Description": "The meaning of each desc entity in this dataset",
    "desc_id": {"Description": "The desc entity of a file name, with its key"},
    "description": {"Description": "What the files with this entity hold"},
}
"""The sidecar of ``descriptions.tsv``."""


_NOBODY = "The authors of the source dataset, which does not name them"
_PROGRAM = f"bids_ari {__version__} (the program that made these derivatives)"
"""The validator wants two authors at least: where the sources name fewer, these stand for what is known."""


def dataset_description(folder: Path, sources: Mapping[str, Path]) -> dict[str, Any]:
    """Describe an output.

    Parameters
    ----------
    folder : Path
        The output. Other runs may have had other sources: what its present description links counts, too.
    sources : mapping of str to Path
        The datasets that this run takes maps from, by the names used in BIDS URIs.
    """
    earlier = _read(folder).get("DatasetLinks")
    new = {name: _link(path.resolve(), folder.resolve()) for name, path in sources.items()}
    links = _joined(new, earlier if isinstance(earlier, dict) else {})
    places = [Path(os.path.normpath(folder.resolve() / link)) for link in links.values()]
    container = provenance.container()
    tool = {"Name": "bids_ari", "Version": __version__, "CodeURL": CODE_URL}
    authors = list(dict.fromkeys(author for place in places for author in _authors(place)))
    return {
        "Name": "All-Resolutions Inference by bids_ari",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "License": _licence(places),
        "Authors": authors if len(authors) > 1 else [*(authors or [_NOBODY]), _PROGRAM],
        "GeneratedBy": [tool | ({"Container": container} if container else {})],
        "SourceDatasets": [{"URL": link} for link in dict.fromkeys(links.values())],
        "DatasetLinks": links,
        "HowToAcknowledge": "Please cite Rosenblatt et al. (2018), doi:10.1016/j.neuroimage.2018.07.060",
    }


def _joined(new: Mapping[str, str], earlier: Mapping[str, Any]) -> dict[str, str]:
    """Add the links of other runs to those of this one; one whose name now leads elsewhere gets another name."""
    earlier = {name: link for name, link in earlier.items() if isinstance(link, str)}
    links = {**earlier, **new}
    for name in new.keys() & earlier.keys():
        if earlier[name] not in links.values():
            other = next(free for n in count(2) if (free := f"{name}-{n}") not in links)
            links[other] = earlier[name]
            log.warning(
                "bids:%s: now stands for %s; in files of earlier runs it stands for %s, which is linked as %s",
                *(name, links[name], links[other], other),
            )
    return links


def _link(path: Path, folder: Path) -> str:
    """Link a source dataset: relative, so that no user's folders are told and both can be moved together."""
    return printable(Path(os.path.relpath(path, folder)).as_posix())


def _read(folder: Path) -> dict[str, Any]:
    """Read the description of a dataset; of one that is damaged, nothing is told again."""
    try:
        return read_json(folder / DESCRIPTION)
    except ReadError as error:
        log.debug("%s", error)
        return {}


def _licence(sources: Iterable[Path]) -> str:
    """Give the licence that all sources have."""
    licences = {", ".join(_texts(_read(source).get("License"))) for source in sources}
    return (licences.pop() if len(licences) == 1 else "") or "unknown"


def _authors(source: Path) -> list[str]:
    """Give the authors of a source; few derivatives name any, but the dataset in whose ``derivatives/`` it lies may."""
    around = (folder.parent for folder in source.resolve().parents if folder.name == "derivatives")
    for folder in (source, *around):
        if authors := list(_texts(_read(folder).get("Authors"))):
            return authors
    return []


def _texts(said: object) -> Iterator[str]:
    """Give the texts in what should be a text or a list of them, each in one line."""
    for text in said if isinstance(said, list) else [said]:
        if isinstance(text, str) and text.strip():
            yield " ".join(text.split())
