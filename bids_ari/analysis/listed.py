"""Subjects that a table of subjects lists, and of whom there is no map at all."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.dataset import Dataset
from bids_ari.bids.entities import bare_label, key_of
from bids_ari.bids.exclusions import Excluded, Reason
from bids_ari.bids.labels import same_label
from bids_ari.bids.manifest import Manifest
from bids_ari.bids.participants import Participants
from bids_ari.design.model_inputs import NodeInputs
from bids_ari.design.subjects import filter_subjects
from bids_ari.errors import UsageError, counted, listing


def with_listed(
    discovery: Discovery,
    dataset: Dataset,
    table: Participants,
    *,
    exclude: Collection[str] = (),
    where: Iterable[str] = (),
    inputs: NodeInputs | None = None,
) -> Discovery:
    """Add the subjects that only the table lists to what is excluded from each contrast.

    Parameters
    ----------
    discovery : Discovery
        The contrasts.
    dataset : Dataset
        All maps, also those that are not used: a subject who has one is not added.
    table : Participants
        The table of subjects.
    exclude : collection of str
        Subjects that are excluded by choice, with or without ``sub-``.
    where : iterable of str
        Keys or names of the entities by which maps are selected. Nobody is added if one is the subject: each label that
        is selected has a map.
    inputs : NodeInputs, optional
        The node of a Stats Model: nobody is added if its Input selects subjects, nor who does not pass its filter.
    """
    if "sub" in map(key_of, where) or (inputs is not None and "sub" in inputs.labels):
        return discovery
    not_wanted = [bare_label(str(label), "sub") for label in exclude]
    found = [s for s in table.only_listed(_known(dataset)) if not any(same_label(s, each) for each in not_wanted)]
    if inputs is not None and inputs.subjects:
        try:
            found = list(filter_subjects(inputs, found, table)[0])
        except UsageError:  # a column that the table does not have, an error of each contrast
            return discovery
    contrasts = (_with_entries(contrast, found, table) for contrast in discovery)
    return replace(discovery, contrasts=tuple(contrasts))


def with_rows(contrast: ContrastSet, table: Participants) -> ContrastSet:
    """Add the subjects that only the table lists to what is excluded from a contrast: those it does not name."""
    known = {*contrast.subjects, *(entry.subject for entry in contrast.excluded)}
    return _with_entries(contrast, table.only_listed(known), table)


def _known(dataset: Dataset) -> set[str]:
    """Return the labels of all subjects of whom a dataset has a file, or a manifest a line."""
    lines: Mapping[Any, Sequence[Any]] = dataset.lacking if isinstance(dataset, Manifest) else {}
    of_lines = {str(row.entities.get("sub")) for rows in lines.values() for row in rows}
    return dataset.labels("sub") | of_lines | {entry.subject for entry in dataset.excluded if entry.subject}


def _with_entries(contrast: ContrastSet, subjects: Sequence[str], table: Participants) -> ContrastSet:
    """Add subjects without any map as excluded; if these are most of a table, that of a larger study, as a note."""
    if not subjects:
        return contrast
    name = table.path.name
    if 2 * len(subjects) > len(table.rows):
        names = listing(f"sub-{subject}" for subject in subjects)
        note = f"{name} lists {counted(len(subjects), 'subject')} without any map: {names}"
        return replace(contrast, notes=(*contrast.notes, note))
    reason = Reason.ONLY_LISTED.text(table=name)
    entries = (Excluded.of_subject(subject, reason) for subject in subjects)
    return replace(contrast, excluded=(*entries, *contrast.excluded))
