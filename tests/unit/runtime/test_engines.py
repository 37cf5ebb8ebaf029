"""Who does the pieces of a computation, and what stands for the data that they need."""

import pickle
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from builders_draws import fail_at, lambdas, slow

from bids_ari.errors import OutputError, UsageError
from bids_ari.runtime import engines, shared
from bids_ari.runtime.engines import Engine, open_engine
from bids_ari.runtime.shared import MappedArray


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Two processes that share nothing with this one but a folder."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield Engine.of(pool, 4, tmp_path_factory.mktemp("shared"))


class TestThreads:
    def test_results_come_in_order(self) -> None:
        with open_engine(3) as engine:
            assert list(engine.map(partial(slow, 0.001), range(25))) == list(range(25))

    def test_few_calls_are_under_way(self) -> None:
        taken: list[int] = []

        def items() -> Iterator[int]:
            for i in range(1000):
                taken.append(i)
                yield i

        with open_engine(2) as engine:
            next(engine.map(str, items()))
        assert len(taken) <= 5

    @pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
    def test_an_exception_cancels_the_rest(self, kind: type[BaseException]) -> None:
        called: list[int] = []

        def fail(i: int) -> int:
            called.append(i)
            if i == 4:
                raise kind
            return i

        before = threading.active_count()
        with pytest.raises(kind), open_engine(2) as engine:
            list(engine.map(fail, range(1000)))
        assert threading.active_count() == before
        assert len(called) < 20

    def test_an_engine_goes_on_after_an_exception(self) -> None:
        with open_engine(2) as engine:
            with pytest.raises(ZeroDivisionError):
                list(engine.map(partial(fail_at, 3), range(10)))
            assert list(engine.map(str, range(3))) == ["0", "1", "2"]

    def test_an_array_stands_for_itself(self) -> None:
        array = np.arange(3.0)
        with open_engine(1) as engine, engine.shared(array) as same:
            assert same is array

    def test_calibration_does_not_depend_on_threads(self) -> None:
        work, batches = lambdas()
        with open_engine(3) as engine:
            np.testing.assert_array_equal(list(engine.map(work, batches)), list(map(work, batches)))


class TestProcesses:
    def test_an_exception_is_what_was_raised(self, processes: Engine) -> None:
        with pytest.raises(ZeroDivisionError):
            list(processes.map(partial(fail_at, 1), range(10)))

    def test_nothing_is_left_in_the_folder(self, processes: Engine) -> None:
        assert processes.folder is not None
        with processes.shared(np.ones(3)):
            next(processes.map(str, range(9)))
            with pytest.raises(ZeroDivisionError):
                list(processes.map(partial(fail_at, 1), range(10)))
        assert list(processes.folder.iterdir()) == []

    def test_what_is_sent_is_small(self, tmp_path: Path) -> None:
        """A call is sent as a file and a number, whatever the function holds."""
        work, _ = lambdas(n_points=20_000)
        assert len(pickle.dumps(work)) > 12 * 20_000 * 8  # the residuals of 12 subjects alone
        with shared.sent(work, tmp_path) as light:
            assert len(pickle.dumps(light)) < 1000
            np.testing.assert_array_equal(light(0), work(0))

    def test_a_mapped_array_is_sent_as_a_name(self, tmp_path: Path) -> None:
        array = np.random.default_rng(0).normal(size=(5, 7000))
        with shared.mapped(array, tmp_path) as there:
            sent = pickle.dumps(there)
            again = pickle.loads(sent)
            assert len(sent) < 1000
            assert again.shape == array.shape
            np.testing.assert_array_equal(np.asarray(again), array)
            assert not np.asarray(again).flags.writeable
            assert repr(again) == f"MappedArray({str(there.path)!r})"

    def test_other_versions_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with shared.sent(str, tmp_path) as light:
            own = shared.numeric_versions()
            monkeypatch.setattr(shared, "numeric_versions", lambda: own | {"numpy": "0.1"})
            shared.forget()
            with pytest.raises(UsageError, match=r"there is numpy 0\.1 instead of"):
                light(1)

    def test_a_folder_that_is_not_seen(self, tmp_path: Path) -> None:
        light = partial(shared.call, str(tmp_path / "elsewhere" / "f.pickle"), ())
        with pytest.raises(UsageError, match="elsewhere is not seen there"):
            light(1)

    def test_a_folder_that_is_gone(self, tmp_path: Path) -> None:
        with (
            pytest.raises(OutputError, match="cannot hold what workers need"),
            shared.sent(str, tmp_path / "not here"),
        ):
            pass


class TestDask:
    def test_it_asks_for_a_folder_that_workers_see(self) -> None:
        with pytest.raises(UsageError) as caught, open_engine(1, "tcp://127.0.0.1:1"):
            pass
        assert "--work-dir" in str(caught.value)
        assert "a folder that all workers see" in str(caught.value)

    def test_where_it_is_not_installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "distributed", None)
        with (
            pytest.raises(UsageError, match=r"pip install 'bids_ari\[cluster\]'"),
            open_engine(1, "tcp://127.0.0.1:1", tmp_path),
        ):
            pass

    def test_a_work_folder_that_cannot_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with (
            pytest.raises(OutputError, match="cannot be written"),
            open_engine(1, "tcp://127.0.0.1:1", tmp_path / "file"),
        ):
            pass

    def test_it_is_not_imported_before_it_is_used(self) -> None:
        assert "distributed" not in vars(engines)
        assert MappedArray.__module__ == "bids_ari.runtime.shared"
