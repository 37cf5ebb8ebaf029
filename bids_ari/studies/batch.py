"""The analysis of many studies, with a summary over them that is up to date."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bids_ari.errors import Interrupted, counted
from bids_ari.outputs.folder import Files
from bids_ari.runtime.progress import counting
from bids_ari.studies.run import Processes, Runner, forget_others, run_studies
from bids_ari.studies.study import Study
from bids_ari.studies.summary import write_summary

log = logging.getLogger(__name__)


def analyse(
    studies: Sequence[Study],
    output: Path,
    options: Sequence[str] = (),
    runner: Runner | None = None,
    *,
    n_jobs: int = 1,
    are_all: bool = False,
) -> Counter[int]:
    """Analyse studies, and write the summary, also after an interruption; return how often each exit code occurred.

    Parameters
    ----------
    studies : sequence of Study
        What is analysed, in this order.
    output : Path
        The folder of all results.
    options : sequence of str
        Options of ``bids-ari`` for each of them, see `words_of`.
    runner : Runner, optional
        What runs ``bids-ari``; by default, a process for each run.
    n_jobs : int
        Number of studies at a time.
    are_all : bool
        Whether there are no others, whose records would stay.

    Raises
    ------
    Interrupted
        After an interruption; what is finished is in the summary.
    """
    Files(output).open()
    if are_all:
        forget_others(output, studies)
    codes: Counter[int] = Counter()
    try:
        with counting("analysing studies", "task", len(studies), n_jobs, is_logged=False) as each:
            for outcome in run_studies(studies, output, options, runner or Processes(), n_jobs):
                codes[outcome.code] += 1
                level = logging.ERROR if outcome.code else logging.INFO
                state = outcome.message if outcome.code else "done"
                log.log(level, "%s (%d of %d): %s", outcome.study.name, codes.total(), len(studies), state)
                write_summary(output)  # can be looked at during a long run
                each.advance()
    except KeyboardInterrupt as error:
        write_summary(output)
        finished = f"{codes.total()} of {counted(len(studies), 'task')} are finished"
        raise Interrupted(f"{finished}, and all results are kept; the same command goes on from there") from error
    return codes
