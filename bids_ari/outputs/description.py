"""Description of the output as a BIDS dataset: software, sources, README and columns."""

import logging
import os
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from bids_ari._version import __version__
from bids_ari.bids.entities import printable
from bids_ari.bids.sidecars import DESCRIPTION, read_json
from bids_ari.errors import ReadError
from bids_ari.runtime import provenance

log = logging.getLogger(__name__)

BIDS_VERSION = "1.11.1"
CODE_URL = "https://github.com/bids-ari/bids_ari"

IGNORED = ("group", "sub-*", "figures", "logs", "neurovault", "*.html", "layout_config.json", "ro-crate-metadata.json")
"""Files outside the BIDS schema, for ``.bidsignore``."""

ACKNOWLEDGEMENT = "Please cite Rosenblatt et al. (2018), doi:10.1016/j.neuroimage.2018.07.060"
"""How to acknowledge the results."""

README = Path(__file__).with_name("dataset_readme.md")
"""The README of an output."""

COLUMNS = {
    "Description": "The meaning of each desc entity in this dataset",
    "desc_id": {"Description": "Entity desc of a file name, with its key"},
    "description": {"Description": "Content of the files with this entity"},
}
"""The sidecar of ``descriptions.tsv``."""


_UNNAMED = "The authors of the source dataset, which does not name them"
_PROGRAM = f"bids_ari {__version__} (the program that made these derivatives)"
"""Authors if the sources have fewer than the two that the BIDS validator requires."""


def dataset_description(folder: Path, sources: Mapping[str, Path]) -> dict[str, Any]:
    """Return the content of ``dataset_description.json``.

    `sources` are the datasets that this run reads, by the names used in BIDS URIs; those of other runs are kept from
    the present description of the output.
    """
    earlier, place = _read(folder).get("DatasetLinks"), folder.resolve()
    # relative links: both can be moved together, and no folder of a user is shown
    relative = {name: Path(os.path.relpath(path.resolve(), place)).as_posix() for name, path in sources.items()}
    new = {name: printable(link) for name, link in relative.items()}
    links = _joined(new, earlier if isinstance(earlier, dict) else {})
    places = [Path(os.path.normpath(place / link)) for link in links.values()]
    licences = {", ".join(_texts(_read(source).get("License"))) for source in places}
    container = provenance.container()
    tool = {"Name": "bids_ari", "Version": __version__, "CodeURL": CODE_URL}
    authors = list(dict.fromkeys(author for place in places for author in _authors(place)))
    return {
        "Name": "All-Resolutions Inference by bids_ari",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "License": (licences.pop() if len(licences) == 1 else "") or "unknown",
        "Authors": authors if len(authors) > 1 else [*(authors or [_UNNAMED]), _PROGRAM],
        "GeneratedBy": [tool | ({"Container": container} if container else {})],
        "SourceDatasets": [{"URL": link} | _doi(place / link) for link in dict.fromkeys(links.values())],
        "DatasetLinks": links,
        "HowToAcknowledge": ACKNOWLEDGEMENT,
    }


def _joined(new: Mapping[str, str], earlier: Mapping[str, Any]) -> dict[str, str]:
    """Add the links of other runs; one whose name now has another target gets another name."""
    earlier = {name: link for name, link in earlier.items() if isinstance(link, str)}
    links = {**earlier, **new}
    for name in new.keys() & earlier.keys():
        if earlier[name] not in links.values():
            other = next(free for n in count(2) if (free := f"{name}-{n}") not in links)
            links[other] = earlier[name]
            log.warning(
                "bids:%s: is now %s; in files of earlier runs it was %s, which is linked as %s",
                *(name, links[name], links[other], other),
            )
    return links


def _read(folder: Path) -> dict[str, Any]:
    """Read the description of a dataset; an empty one if it is damaged."""
    try:
        return read_json(folder / DESCRIPTION)
    except ReadError as error:
        log.debug("%s", error)
        return {}


def _doi(source: Path) -> dict[str, str]:
    """Return the entry of the DOI of a source, if it has one."""
    doi = next(_texts(_read(source).get("DatasetDOI")), "")
    return {"DOI": doi} if doi else {}


def _authors(source: Path) -> list[str]:
    """Return the authors of a source or, since few derivatives name any, of the dataset that contains it."""
    around = (folder.parent for folder in source.resolve().parents if folder.name == "derivatives")
    for folder in (source, *around):
        if authors := list(_texts(_read(folder).get("Authors"))):
            return authors
    return []


def _texts(value: object) -> Iterator[str]:
    """Return the texts in a value that should be a text or a list of texts, each as one line."""
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str) and text.strip():
            yield " ".join(text.split())
