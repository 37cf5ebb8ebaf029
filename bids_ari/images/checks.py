"""Before any voxel is read: look at the header of each file of a contrast, and list all problems in one error."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from bids_ari.errors import BidsAriError, DataError, GridMismatchError, listing
from bids_ari.images.files import check_memory, read_header
from bids_ari.images.headers import Header
from bids_ari.images.resampling import overlap
from bids_ari.images.space import Grid
from bids_ari.runtime.executors import available_memory, progress, run_parallel

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST = 5
"""Problems of a kind that are spelled out."""

_GRIDS = 20
"""With how many grids another one is compared: where each subject has its own, all pairs would take minutes."""


_NEAR = 0.5
"""Maps are brought to a grid when at least this part of the smaller field of view lies in the larger."""

Target: TypeAlias = Grid | Literal["first"]
"""The grid that maps are brought to: this one, or that of the first file."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the files of some subjects."""

    subjects: tuple[str, ...]
    error: BidsAriError


class Headers(NamedTuple):
    """What the headers of the files of a contrast come to.

    Attributes
    ----------
    grid : Grid
        The grid of the maps when they have been read.
    resampled : tuple of str
        Subjects with a file that is on another one.
    n_points : int
        Number of voxels of the largest grid.
    """

    grid: Grid
    resampled: tuple[str, ...]
    n_points: int


class _Placed(NamedTuple):
    """A file whose header is sound."""

    subject: str
    grid: Grid


def preflight(
    files: Sequence[tuple[str, Path]],
    *,
    target: Target | None = None,
    n_jobs: int = 1,
    memory: int | None = None,
) -> Grid:
    """Check the headers of all files of a contrast as `check_headers` does; give the grid that the maps have then."""
    return check_headers(files, target=target, n_jobs=n_jobs, memory=memory).grid


def check_headers(
    files: Sequence[tuple[str, Path]],
    *,
    target: Target | None = None,
    n_jobs: int = 1,
    memory: int | None = None,
) -> Headers:
    """Check the headers of all files of a contrast.

    Parameters
    ----------
    files : sequence of (str, Path)
        The label of a subject, and one of its files.
    target : Grid or 'first', optional
        The grid that maps are brought to, or that of the first file; by default, all must share one.
    n_jobs : int
        Threads.
    memory : int, optional
        Bytes that one volume may take; by default, what is free.

    Returns
    -------
    Headers
        The grid that all share or are brought to, and who is on another one.

    Raises
    ------
    BidsAriError
        Of the class of the problem where all files have the same one; a DataError where there are several.
    """
    look = attempt(partial(_look, memory=available_memory() if memory is None else memory))
    found = list(progress(run_parallel(look, [path for _, path in files], n_jobs), "header", len(files)))
    problems: list[Problem] = []
    placed: list[_Placed] = []
    for (subject, _), header in zip(files, found, strict=True):
        if isinstance(header, Header):
            placed.append(_Placed(subject, header.grid))
        else:
            problems.extend(Problem((subject,), error) for error in header)
    grid, mismatch = _common_grid(placed) if target is None else _target_grid(placed, target)
    problems.extend(mismatch)
    if problems or grid is None:
        raise one_error(problems, [subject for subject, _ in files])
    others = dict.fromkeys(file.subject for file in placed if not file.grid.matches(grid))
    largest = max(math.prod(each.shape) for each in (grid, *(file.grid for file in placed)))
    return Headers(grid, tuple(others), largest)


def attempt(function: Callable[[Item], Result]) -> Callable[[Item], Result | list[BidsAriError]]:
    """Make a function that gives the errors that it meets instead of raising them."""
    return partial(_attempted, function)


def _attempted(function: Callable[[Item], Result], item: Item) -> Result | list[BidsAriError]:
    """Call a function; give the errors that it meets."""
    try:
        return function(item)
    except BidsAriError as error:
        return [error]
    except ExceptionGroup as group:
        return [error for error in group.exceptions if isinstance(error, BidsAriError)]


def one_error(problems: Sequence[Problem], subjects: Sequence[str]) -> BidsAriError:
    """Make one error of all problems with the files of `subjects`; a single one stays as it is."""
    if len(problems) == 1:
        return problems[0].error
    kinds: dict[tuple[type[BidsAriError], str], list[BidsAriError]] = defaultdict(list)
    for problem in problems:
        kinds[type(problem.error), problem.error.expected].append(problem.error)
    lines = [line for errors in kinds.values() for line in _lines(errors)]
    classes = {kind for kind, _ in kinds}
    bad = dict.fromkeys(subject for problem in problems for subject in problem.subjects)
    way_out = f", or leave out with --exclude {' '.join(bad)}" if len(set(subjects) - set(bad)) > 1 else ""
    made = classes.pop() if len(classes) == 1 else DataError
    return made(f"{len(problems)} problems with the maps; mend them{way_out}:", lines=lines)


def _lines(errors: Sequence[BidsAriError]) -> Iterator[str]:
    """Write problems of one kind, each on a line."""
    for error in errors[:_MOST]:
        yield str(error)
    if len(errors) > _MOST:
        yield f"and {len(errors) - _MOST} more such"


def _look(path: Path, memory: int) -> Header:
    """Read a header, and refuse what it claims if that does not fit into memory."""
    header = read_header(path)
    check_memory(header, memory)
    return header


def _common_grid(files: Sequence[_Placed]) -> tuple[Grid | None, list[Problem]]:
    """Give the grid that most files have, and say whose files are on another one."""
    votes: Counter[int] = Counter()
    kinds: list[int] = []  # for each file, the first one on the same grid
    known: dict[tuple[tuple[int, ...], bytes], int] = {}
    for i, file in enumerate(files):
        exactly = (file.grid.shape, file.grid.affine.tobytes())
        if exactly not in known:
            first = islice(votes, _GRIDS)
            known[exactly] = next((kind for kind in first if files[kind].grid.matches(file.grid)), i)
        kinds.append(known[exactly])
        votes[known[exactly]] += 1
    if len(votes) <= 1:
        return (files[0].grid if files else None), []
    common = votes.most_common(1)[0][0]
    return files[common].grid, [_mismatch(files, kinds, common)]


def _target_grid(files: Sequence[_Placed], target: Target) -> tuple[Grid | None, list[Problem]]:
    """Give the grid that maps are brought to, and say whose files lie elsewhere."""
    if not files:
        return None, []
    grid = files[0].grid if target == "first" else target
    far = [file for file in files if not file.grid.matches(grid) and overlap(file.grid, grid) < _NEAR]
    if not far:
        return grid, []
    subjects = tuple(dict.fromkeys(file.subject for file in far))
    error = GridMismatchError(
        f"Less than half of the field of view of {listing(f'sub-{subject}' for subject in subjects)} lies in that of "
        f"the target grid: {far[0].grid}",
        f"a place near that of the target: {grid}",
        f"Check the space of these maps, or leave out with --exclude {' '.join(subjects)}",
    )
    return grid, [Problem(subjects, error)]


def _mismatch(files: Sequence[_Placed], kinds: Sequence[int], common: int) -> Problem:
    """Name the subjects with a file on another grid than the most common one."""
    odd = [i for i, kind in enumerate(kinds) if kind != common]
    subjects = tuple(dict.fromkeys(files[i].subject for i in odd))
    others = {file.subject for file in files} - set(subjects)
    alike = len({kinds[i] for i in odd}) == 1
    error = GridMismatchError(
        f"{listing(f'sub-{subject}' for subject in subjects)} {'has' if len(subjects) == 1 else 'have'} "
        f"{'a grid of' if alike else 'other grids, such as'} {files[odd[0]].grid}",
        f"that of {f'the {len(others)} others' if len(others) > 1 else f'sub-{files[common].subject}'}: "
        f"{files[common].grid}",
        f"Resample with --target-grid, or leave out with --exclude {' '.join(subjects)}",
    )
    return Problem(subjects, error)
