"""Which maps a BIDS Stats Model is about, among those that a dataset holds."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.dataset import Dataset
from bids_ari.bids.entities import key_of, printable
from bids_ari.bids.filters import labels_there
from bids_ari.design.json_document import Item, read_document
from bids_ari.design.stats_model import StatsModel, label_of
from bids_ari.errors import UsageError, listing

_OF_IMAGES = ("task", "acq", "ce", "trc", "rec", "dir", "echo", "part", "chunk")
"""Entities that tell apart images of one session and run; others tell how maps were made of them."""


def maps_of(model: StatsModel, dataset: Dataset) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Say which maps of a dataset a model asks for.

    Names of contrasts are found in file names as programs write them there: ``faces_gt_shapes`` is ``facesGtShapes``.
    What the model asks of the images that the first level read counts where maps still name it.

    Returns
    -------
    mapping
        The argument `where` of `discover`.
    tuple of str
        Notes for the report.

    Raises
    ------
    UsageError
        When no map could meet it all.
    """
    where: dict[str, list[Any]] = {}
    notes = []
    for key, labels in model.inputs.items():
        if labels_there(dataset, key):
            where[key] = list(labels)
        else:
            named = listing(printable(str(label)) for label in labels)
            notes.append(f"The model takes {key} {named}, which no map names: the first level is taken to have done so")
    for key, labels in model.filters.items():
        there = labels_there(dataset, key)
        asked = [_in_files(label, there) if key == "contrast" else label for label in labels]
        both = [label for label in asked if label in where.get(key, asked)]
        if not both:
            raise UsageError(f"{model.path}: Input and the Filter of {model.node!r} leave no {key}")
        where[key] = both
    return where, (*notes, *_of_images_alone(model))


def _of_images_alone(model: StatsModel) -> Iterator[str]:
    """Say what the model asks of images that says nothing of maps, such as the suffix; `inputs` has none of it."""
    document = read_document(model.path).members()
    inputs = [item for name, item in document.items() if name.lower() == "input" and item.value is not None]
    items = inputs[0].members() if inputs else {}
    if others := [f"{name} {_written(item)}" for name, item in items.items() if key_of(name) not in model.inputs]:
        yield (
            f"The model takes {printable(listing(others))}, which is about the images that the first level read: "
            "no map is chosen by it"
        )


def _written(item: Item) -> str:
    return listing(each.value for each in item.items(lone=True))


def check_groups(model: StatsModel, contrasts: Sequence[ContrastSet]) -> None:
    """Refuse to analyse by themselves what a model puts into one analysis.

    Raises
    ------
    UsageError
        When maps differ in an entity of the images, such as the task, by which the model does not group.
    """
    told_apart = set(model.group_by) | (_keys(contrasts) - set(_OF_IMAGES))
    for one, other in combinations(contrasts, 2):
        if all(one.entities.get(key) == other.entities.get(key) for key in told_apart):
            raise UsageError(
                f"{model.path}: GroupBy of {model.node!r} puts {one.name} and {other.name} into one analysis",
                "one task, acquisition, ... in each",
                "Add it to GroupBy, or choose with --task-id or another filter",
            )


def _keys(contrasts: Sequence[ContrastSet]) -> set[str]:
    return {key for contrast in contrasts for key, _ in contrast.entities}


def _in_files(name: Any, there: Collection[str]) -> str:
    """Give the label that a contrast of this name has in file names."""
    as_is, written = str(name), label_of(str(name))
    alike = [label for label in there if _bare(label) == _bare(as_is)]
    return next((label for label in (as_is, written, *alike[: len(alike) == 1]) if label in there), written or as_is)


def _bare(label: str) -> str:
    return "".join(filter(str.isalnum, label)).lower()
