"""The outcome of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.exclusions import Excluded
from bids_ari.errors import BidsAriError, joint_exit_code, without_names


@dataclass(frozen=True, slots=True)
class Failure:
    """A contrast that could not be analysed, and why."""

    contrast: ContrastSet
    error: BidsAriError


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The outcome of a run."""

    results: Sequence[ContrastResult]  # each is read from the output on access
    failures: tuple[Failure, ...]  # the contrasts that could not be analysed
    excluded: tuple[Excluded, ...] = ()  # every file and subject that is not analysed

    @property
    def exit_code(self) -> int:
        """0 when all went well, that of the failures when they agree and nothing else was done, else that of data."""
        return joint_exit_code((failure.error.exit_code for failure in self.failures), bool(self.results))


def cause_of(contrast: ContrastSet, error: BidsAriError) -> str:
    """Return what the messages about contrasts share whose problem has one cause: a mask, or a name that all lack."""
    is_single = contrast.entities.get("sub") is not None
    files = (file.path for file in contrast.files)
    return without_names(error, [*files, contrast.name], contrast.subjects if is_single else ())
