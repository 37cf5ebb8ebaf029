"""Fixtures for all tests."""

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import describe, write_group
from builders_white import have_white_pictures, start_white_worker
from hypothesis import settings

from bids_ari.option_names import naming_flags
from bids_ari.runtime import executors, processors, progress

for each in (signal.SIGINT, signal.SIGHUP):  # which nohup and shells make jobs in the background ignore
    if signal.getsignal(each) == signal.SIG_IGN:
        signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)


os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each worker and process would compile all modules again
sys.dont_write_bytecode = False

# No deadline: the first example of a test may compile a loop. With the first profile, examples are the same each time,
# so that a test fails because of a change; the workflow that tries all mutated files also tries random examples.
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None)
settings.load_profile("fixed")


def pytest_xdist_auto_num_workers() -> int:
    """Use one worker more than processors: some tests wait for other processes."""
    return processors.n_available() + 1


def pytest_configure() -> None:
    """Collect no garbage while tests are collected: there is hardly any among some 100,000 objects that stay."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Spare later collections of garbage what was made until now."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, which run whole commands: at the end, no worker waits for another one."""
    items.sort(key=lambda item: "integration" not in item.path.parts)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the output of a test be text that one process can send to another: names of files may be none."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, object, object]:
    """Have messages name flags while fixtures are made, whatever those before imported."""
    with naming_flags():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Have messages name flags in each test, whatever those before imported; tests of that import names again."""
    with naming_flags():
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def _one_idle_processor() -> Iterator[None]:
    """Run as on one processor that is never busy, in fixtures of a module, too, which are made before those of a test.

    Contrasts are analysed in this process, where functions can be replaced, unless a test takes --nprocs. No step is
    logged for its duration; tests of that set another limit.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processors, "n_available", lambda: 1)
        patch.setattr(progress, "LONG", float("inf"))
        yield


@pytest.fixture(scope="module")
def white_pictures() -> Iterator[None]:
    """Have white pictures, also in worker processes: for tests of runs in which nobody looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        have_white_pictures(patch.setattr)
        patch.setattr(executors, "start_worker", start_white_worker)
        yield


@pytest.fixture(autouse=True)
def _processes() -> Iterator[None]:
    """Check that a test ends the processes that it starts; a Dask cluster of a module may replace its own."""
    before = multiprocessing.active_children()
    yield
    assert not [one for one in multiprocessing.active_children() if one not in before and "Dask" not in one.name]


@pytest.fixture
def rng() -> np.random.Generator:
    """The same random numbers in every run."""
    return np.random.default_rng(20240229)


@pytest.fixture
def group_dir(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A derivative dataset: eight subjects, one contrast, signal in a blob."""
    root = tmp_path / "first-level"
    describe(root)
    write_group(root, 8, rng)
    return root


@pytest.fixture(scope="session", autouse=True)
def _no_templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let TemplateFlow's folder be empty: that of this machine may have atlases, which name regions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPLATEFLOW_HOME", str(tmp_path_factory.mktemp("templates")))
        yield
