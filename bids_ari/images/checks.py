"""Checks of the headers of all files of a contrast before any voxel is read; all problems are reported in one error."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from bids_ari.bids.exclusions import subject_ranges
from bids_ari.bids.map_notes import first_level_of_feat
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import (
    BidsAriError,
    DataError,
    GridMismatchError,
    UsageError,
    counted,
    listing,
    printable,
    without_names,
)
from bids_ari.images.files import read_header
from bids_ari.images.headers import Header
from bids_ari.images.resampling import is_elsewhere
from bids_ari.images.space import Frame
from bids_ari.images.templates import TEMPLATE, SpaceName, template_mask
from bids_ari.images.volume import Grid
from bids_ari.runtime.executors import run_parallel
from bids_ari.runtime.memory import available_memory
from bids_ari.runtime.progress import track

Result = TypeVar("Result")


class Problem(NamedTuple):
    """What is wrong with files of some subjects."""

    subjects: tuple[str, ...]  # their labels
    error: BidsAriError
    files: tuple[Path, ...] = ()  # which the message may name

    @property
    def file(self) -> Path | None:
        """The file that the message names; None if it names none."""
        return next((path for path in self.files if printable(str(path)) in self.error.found), None)


Target: TypeAlias = Grid | str | Path
"""The grid to which maps are resampled: this one, that of a file, of the ``first`` map or of a ``template``."""

FIRST = "first"  # as a target: the grid of the first map

_STANDARD = "If all are in one standard space, resample with --target-grid"
_NO_SPACE = (
    "No space is in the names of the maps: they may be in the native space of each subject, where no group analysis is "
    "possible. If all are in one standard space, use --allow-native-space"
)
_OF_SCANNER = (
    "Maps in the folder stats of a first level of FEAT are in the space of the scanner: use those in reg_standard/stats"
)
_MOST = 5  # problems of one kind that are listed; the others are counted
_GRIDS = 20  # grids with which another one is compared: if each subject has its own, all pairs would take minutes


class Headers(NamedTuple):
    """Summary of the headers of the files of a contrast."""

    frame: Frame  # of the maps after reading
    resampled: tuple[str, ...]  # subjects with a file on another grid
    n_values: int  # of the largest file


def maps_to_read(member: SubjectMap, variances: bool = False) -> tuple[StatMap, ...]:
    """Return the maps that are read of a subject; variance maps if requested, or if maps are combined by them."""
    with_variances = ((term, variances or len(term.maps) > 1) for term in member.terms)
    return tuple(each for term, both in with_variances for each in (*term.maps, *(term.variances if both else ())))


def source_of(each: StatMap) -> tuple[Path, ...]:
    """Return the files of a map, that of the left hemisphere first."""
    return tuple(file.path for file in each.files)


def check_headers(
    members: Sequence[SubjectMap],
    *,
    variances: bool = False,
    target: Target | None = None,
    template: SpaceName = None,
    allow_native_space: bool = False,
    map_name: str | None = None,
    n_threads: int = 1,
    mem: int | None = None,
) -> Headers:
    """Check the headers of all files of a contrast.

    Parameters
    ----------
    members : sequence of SubjectMap
        The maps of each subject.
    variances : bool
        Whether the variance map of each map is needed.
    target : Grid, Path, 'first' or 'template', optional
        Grid to which maps are resampled, or that of a file, of the first map, or of TemplateFlow's brain mask; by
        default, all files must share one grid.
    template : StandardSpace or str, optional
        The space of the maps, for ``target='template'``.
    allow_native_space : bool
        Whether maps without a `template` may have different grids: they are probably in the space of each subject.
    map_name : str, optional
        The name of the map in GIFTI and CIFTI files with several.
    n_threads : int
        Number of threads.
    mem : int, optional
        Bytes that one volume may take; by default, all available memory.

    Returns
    -------
    Headers
        The grid that all files share or are resampled to, and the subjects with files on another one.

    Raises
    ------
    BidsAriError
        Of the class of the problem if there is one kind of problem, else a DataError.
    """
    files = [(member.subject, each) for member in members for each in maps_to_read(member, variances)]
    if target is not None and files[0][1].kind not in (None, "NIfTI"):
        raise _no_resampling()
    if target is not None and not isinstance(target, Grid) and str(target) != FIRST:
        path = (
            template_mask(template, read_header(source_of(files[0][1])).frame)
            if str(target) == TEMPLATE
            else Path(target)
        )
        target = read_header(path).grid
    mem = available_memory() if mem is None else mem
    read = partial(attempt, partial(_header_of, mem=mem, map_name=map_name))
    problems: list[Problem] = []
    frames: list[tuple[str, Frame]] = []
    read_all = run_parallel(read, [each for _, each in files], n_threads)
    found = track(read_all, "checking headers", "file", len(files))
    for (subject, each), header in zip(files, found, strict=True):
        if isinstance(header, Header):
            frames.append((subject, header.frame))
        else:
            problems.extend(Problem((subject,), error, source_of(each)) for error in header)
    if frames:
        standard = template is not None or allow_native_space
        is_feat = first_level_of_feat(each for _, each in files) != "" and not allow_native_space
        frame, mismatch = _common_frame(frames, _OF_SCANNER if is_feat else _STANDARD if standard else _NO_SPACE)
        if target is not None and (allow_native_space or template is not None or not mismatch):
            frame, mismatch = _target_grid(frames, target)
        problems.extend(mismatch)
    if problems:
        raise one_error(problems, [subject for subject, _ in files])
    others = dict.fromkeys(subject for subject, each in frames if not each.matches(frame))
    largest = max(math.prod(each.shape) for each in (frame, *(each for _, each in frames)))
    return Headers(frame, tuple(others), largest)


def _header_of(each: StatMap, mem: int, map_name: str | None) -> Header:
    """Read the header of a map; `map_name` is its name in files with several, unless it has another."""
    return read_header(source_of(each), mem, map_name=each.map_name or map_name)


@contextmanager
def collecting(errors: list[BidsAriError]) -> Iterator[None]:
    """Append errors to a list instead of raising them."""
    try:
        yield
    except BidsAriError as error:
        errors.append(error)
    except ExceptionGroup as group:
        errors.extend(error for error in group.exceptions if isinstance(error, BidsAriError))


def attempt(function: Callable[..., Result], *arguments: Any) -> Result | list[BidsAriError]:
    """Call a function; return the errors that it raises."""
    errors: list[BidsAriError] = []
    result: Result | list[BidsAriError] = errors
    with collecting(errors):
        result = function(*arguments)
    return result


def for_each_member(
    function: Callable[[int, SubjectMap], Result], members: Sequence[SubjectMap], n_threads: int, what: str
) -> Iterator[Result]:
    """Call a function with the number of each member and the member, in threads, as the step `what`.

    One error of all problems is raised at the end.
    """
    problems: list[Problem] = []
    results = run_parallel(lambda pair: attempt(function, *pair), enumerate(members), n_threads)
    for member, result in zip(members, track(results, what, "map", len(members)), strict=True):
        if isinstance(result, list):
            paths = tuple(path for each in maps_to_read(member, variances=True) for path in source_of(each))
            problems.extend(Problem((member.subject,), error, paths) for error in result)
        elif not problems:
            yield result
    if problems:
        raise one_error(problems, [member.subject for member in members])


def one_error(problems: Sequence[Problem], subjects: Sequence[str]) -> BidsAriError:
    """Return one error of all problems with the files of `subjects`; a single problem stays as it is.

    Messages that differ only in the names of files and the labels of subjects are one line: they have one cause.
    """
    if len(problems) == 1:
        return problems[0].error
    alike: dict[tuple[type[BidsAriError], str], list[Problem]] = defaultdict(list)
    for each in problems:
        alike[type(each.error), without_names(each.error, each.files, each.subjects)].append(each)
    kinds: dict[tuple[type[BidsAriError], str], list[list[Problem]]] = defaultdict(list)
    for group in alike.values():
        kinds[type(group[0].error), group[0].error.expected].append(group)
    lines: list[str] = []
    for groups in kinds.values():
        lines += map(_line, groups[:_MOST])
        if n_more := sum(map(len, groups[_MOST:])):
            lines.append(f"and {n_more} more of this kind")
    classes = {kind for kind, _ in kinds}
    bad = dict.fromkeys(subject for each in problems for subject in each.subjects)
    way_out = f", or exclude subjects with --exclude {' '.join(bad)}" if len(set(subjects) - set(bad)) > 1 else ""
    kind = classes.pop() if len(classes) == 1 else DataError
    return kind(f"{len(problems)} problems with the maps; fix them{way_out}:", lines=lines)


def _line(alike: Sequence[Problem]) -> str:
    """Return the message of the first of some problems with one cause, and the subjects of the others.

    If a subject has several of them, the files of the others.
    """
    first, *others = alike
    if not others:
        return str(first.error)
    text, subjects = str(first.error), [subject for each in alike for subject in each.subjects]
    files = [named for each in others if (named := each.file)]
    if len(set(subjects)) == len(subjects) or len(files) < len(others):
        which = f", of sub-{subject_ranges({*subjects} - {*first.subjects} or {*subjects})}"
    else:
        which = f": {listing(files)}"
    return f"{text}{'' if text.endswith('?') else '.'} Likewise {counted(len(others), 'other')}{which}"


def _common_frame(files: Sequence[tuple[str, Frame]], way_out: str) -> tuple[Frame, list[Problem]]:
    """Return the frame of most files, and the problem of the files on another one, with what to do about volumes."""
    votes: Counter[int] = Counter()
    kinds: list[int] = []  # for each file, the first one on the same grid
    known: dict[bytes, int] = {}
    for i, (_, frame) in enumerate(files):
        exactly = frame.fingerprint
        if exactly not in known:
            first = islice(votes, _GRIDS)
            known[exactly] = next((kind for kind in first if files[kind][1].matches(frame)), i)
        kinds.append(known[exactly])
        votes[known[exactly]] += 1
    if len(votes) <= 1:
        return files[0][1], []
    common = votes.most_common(1)[0][0]
    return files[common][1], [_mismatch(files, kinds, common, way_out)]


def _target_grid(files: Sequence[tuple[str, Frame]], target: Target) -> tuple[Grid, list[Problem]]:
    """Return the target grid, by default that of the first file, and the problem of the files elsewhere in space."""
    grids = [(subject, frame) for subject, frame in files if isinstance(frame, Grid)]
    if len(grids) < len(files):
        raise _no_resampling()
    target = target if isinstance(target, Grid) else grids[0][1]
    far = [(subject, grid) for subject, grid in grids if not grid.matches(target) and is_elsewhere(grid, target)]
    if not far:
        return target, []
    subjects = tuple(dict.fromkeys(subject for subject, _ in far))
    error = GridMismatchError(
        f"Less than half of the field of view of {listing(f'sub-{subject}' for subject in subjects)} lies in that of "
        f"the target grid: {far[0][1]}",
        f"a position near that of the target: {target}",
        f"Check the space of these maps, or exclude subjects with --exclude {' '.join(subjects)}",
    )
    return target, [Problem(subjects, error)]


def _no_resampling() -> UsageError:
    """Return the error that maps have vertices."""
    return UsageError(
        "The maps have vertices, and --target-grid resamples volumes only",
        hint="Remove --target-grid, or choose volumes with --space",
    )


def _mismatch(files: Sequence[tuple[str, Frame]], kinds: Sequence[int], common: int, way_out: str) -> Problem:
    """Return the problem of the subjects with a file on another grid than the most common one."""
    odd = [i for i, kind in enumerate(kinds) if kind != common]
    subjects = tuple(dict.fromkeys(files[i][0] for i in odd))
    others = {subject for subject, _ in files} - set(subjects)
    alike = len({kinds[i] for i in odd}) == 1
    common_frame, kind = files[common][1], files[common][1].kind
    plural = f"{kind}es" if kind == "mesh" else f"{kind.replace('set ', 'sets ', 1)}{'' if ' ' in kind else 's'}"
    difference = files[odd[0]][1].difference(common_frame)
    if not isinstance(common_frame, Grid):
        program = "-metric-resample" if common_frame.unit == "vertex" else "-cifti-create-dense-from-template"
        way_out = f"Convert these maps to the {kind} of the others, for example with wb_command {program}"
    error = GridMismatchError(
        f"{listing(f'sub-{subject}' for subject in subjects)} {'has' if len(subjects) == 1 else 'have'} "
        f"{f'a {kind} of' if alike else f'other {plural}, such as'} {files[odd[0]][1]}"
        f"{f' ({difference})' if difference else ''}",
        f"that of {f'the {len(others)} others' if len(others) > 1 else f'sub-{files[common][0]}'}: {files[common][1]}",
        f"{way_out}, or exclude subjects with --exclude {' '.join(subjects)}",
    )
    return Problem(subjects, error)
