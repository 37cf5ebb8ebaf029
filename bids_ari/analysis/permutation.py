"""From the maps of subjects and their design to a bound calibrated by draws."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from bids_ari.analysis.calibrated import Calibrated, Exactness
from bids_ari.config.options import Options
from bids_ari.config.settings import Resources
from bids_ari.design.design import Design
from bids_ari.errors import DataError, DesignError, InputNotFoundError, ReadError, counted
from bids_ari.runtime.checkpoints import digest_of, resumed
from bids_ari.runtime.engines import open_engine
from bids_ari.runtime.executors import progress
from bids_ari.stats.bounds import Bound
from bids_ari.stats.critical_vectors import Beta, Family, Learned, Simes
from bids_ari.stats.distributions import Alternative, FloatArray
from bids_ari.stats.glm import Effects
from bids_ari.stats.permutation import (
    NullModel,
    Run,
    calibrated,
    learned_from,
    natural_shuffle,
    null_model,
    observed_p,
)
from bids_ari.stats.resampling import Draws, Exchange, Shuffle, make_draws


@dataclass(frozen=True, slots=True)
class Permuted:
    """A bound calibrated by draws, what is told of it, and the template where one was learned."""

    bound: Bound
    told: Calibrated
    template: FloatArray | None


def permute(
    effects: Effects,
    design: Design,
    test: str,
    alternative: Alternative,
    options: Options,
    resources: Resources | None = None,
) -> Permuted:
    """Bound one test in one direction by draws of its group model.

    Parameters
    ----------
    effects : array-like (n_subjects, n_points)
        At the voxels tested; NaN where a subject has no data.
    design : Design
        The group model; its blocks, where there are any, say who may change places.
    test : str
        One of its tests.
    alternative : {'greater', 'less', 'two-sided'}
        The direction; ``greater`` for an F test.
    options : Options
        How draws are made.
    resources : Resources, optional
        Where draws are made; the bound does not depend on it. In its work folder, finished batches are kept until the
        bound is there.

    Raises
    ------
    DesignError
        When the subjects of this design cannot be exchanged so that the test would change.
    DataError
        When subjects that would change places lack data in places, or a template does not fit.
    """
    weights = design.tests[test]
    shuffle = options.shuffle or natural_shuffle(design.matrix, weights)
    exchange = Exchange.of(len(design.subjects), shuffle, design.blocks or None)
    if shuffle != "flip":
        _check_complete(effects, shuffle)
    model = null_model(effects, design.matrix, weights, alternative, exchange)
    draws = _draws(model, exchange, options)
    with _runner(resources or Resources(), model) as (there, run):
        family, template = _family(there, draws, options, run)
        found = calibrated(there, draws, family, options.alpha, step_down=options.step_down, run=run)
    told = Calibrated.of(
        found,
        draws,
        model.n_points,
        shuffle=shuffle,
        blocks=options.blocks or "",
        exactness=_exactness(model, exchange),
        template=template,
    )
    learned = family.curves if isinstance(family, Learned) and options.template is None else None
    return Permuted(found.bound(observed_p(model)), told, learned)


@contextmanager
def _runner(resources: Resources, model: NullModel) -> Iterator[tuple[NullModel, Run[FloatArray]]]:
    """Give what makes draws, and the model as workers have it; forget finished batches when all went well."""
    begun: list[Path] = []
    with (
        open_engine(resources.n_jobs, resources.dask_scheduler, resources.work_dir) as engine,
        engine.shared(np.asarray(model.unit)) as unit,
    ):
        run: Run[FloatArray] = engine.map
        if resources.work_dir is not None:
            run = _keeping(engine.map, resources.work_dir / "draws", begun)
        yield replace(model, unit=unit), partial(_showing, run)
    for folder in begun:
        shutil.rmtree(folder, ignore_errors=True)


def _keeping(run: Run[FloatArray], folder: Path, begun: list[Path]) -> Run[FloatArray]:
    """Keep finished batches in a folder; note in which."""

    def digest(function: Callable[..., object]) -> str:
        found = digest_of(function)
        begun.append(folder / found)
        return found

    return resumed(run, folder, digest)


def _showing(run: Run[FloatArray], work: Callable[[int], FloatArray], firsts: Iterable[int]) -> Iterable[FloatArray]:
    """Show how far the batches are."""
    firsts = list(firsts)
    return progress(run(work, firsts), "batch", len(firsts))


def read_template(path: Path) -> Learned:
    """Read a template that another run saved.

    Raises
    ------
    InputNotFoundError, ReadError, DataError
        When there is no such file, or it cannot be read, or holds no template.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return Learned(file["curves"])
    except FileNotFoundError as error:
        raise InputNotFoundError(f"There is no template {path}") from error
    except OSError as error:
        raise ReadError(f"The template {path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # whatever else a file may be, to numpy and zipfile
        expected = "a file ..._template.npz that a run with --save-template wrote"
        raise DataError(f"{path} holds no template", expected) from error


def _draws(model: NullModel, exchange: Exchange, options: Options) -> Draws:
    """Plan the draws."""
    try:
        return make_draws(model.basis, exchange, options.n_permutations, options.random_seed)
    except ValueError as error:
        raise DesignError(
            f"No sign flip or permutation of these subjects changes the test{_blocks(options)}",
            "subjects that can be exchanged, some of them within their block",
            "Take --method simes, or another --shuffle or --blocks",
        ) from error


def _exactness(model: NullModel, exchange: Exchange) -> Exactness:
    """Say whether the error is at most alpha for any number of subjects."""
    if len(model.basis.nuisance):
        return "approximate"
    if not model.basis.spent:
        return "exact"
    in_blocks = exchange.n_flips < 2**exchange.n_subjects
    return "approximate" if in_blocks or len(model.parts) > 1 else "normal"


def _family(model: NullModel, draws: Draws, options: Options, run: Run[FloatArray]) -> tuple[Family, str]:
    """Give the critical vectors to choose from, and where a learned template comes from."""
    m = model.n_points
    if options.family == "beta":
        return Beta(m), ""
    if options.family == "simes":
        if options.delta >= m:
            raise DataError(f"delta is {options.delta}, of {counted(m, 'voxel')} tested", "fewer than there are voxels")
        return Simes(m, options.delta), ""
    if options.template is not None:
        learned = read_template(options.template)
        return Learned(learned.curves[:, : min(m, learned.n_ranks)]), options.template.name
    independent = draws.independent(options.n_permutations)
    return learned_from(model, independent, run=run), f"{independent.n_draws} other draws"


def _check_complete(effects: Effects, shuffle: Shuffle) -> None:
    """Refuse to move data of subjects to voxels where others have none."""
    n_subjects, n_points = effects.shape
    lacking = sum(int(np.isnan(effects[:, a : a + _BLOCK]).any(axis=0).sum()) for a in range(0, n_points, _BLOCK))
    if lacking:
        raise DataError(
            f"At {lacking} of {counted(n_points, 'voxel')} some of the {n_subjects} subjects have no data, and their "
            "maps cannot change places there",
            "all subjects at all voxels",
            "Give --coverage 1 or a smaller --mask, or flip signs with --shuffle flip"
            if shuffle == "permute"
            else "Give --coverage 1 or a smaller --mask",
        )


_BLOCK = 1 << 16


def _blocks(options: Options) -> str:
    return f" within the blocks of {options.blocks}" if options.blocks else ""


def notes_of(told: Calibrated) -> Sequence[str]:
    """Say what the reader of a calibrated result should know."""
    notes = []
    if told.is_complete:
        notes.append(f"There are {told.n_draws} different draws of these subjects; all were made")
    if told.alpha * told.n_draws < 1:
        notes.append(
            f"With {told.n_draws} draws nothing can be found at alpha {told.alpha:g}: at least 1 / {told.n_draws} = "
            f"{1 / told.n_draws:.3g} is needed, or more subjects"
        )
    if told.exactness == "approximate":
        notes.append(
            "Draws of a model with covariates are approximate: what these explain is estimated and taken away first"
        )
    return notes
