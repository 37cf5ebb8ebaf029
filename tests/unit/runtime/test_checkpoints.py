"""Finished pieces are kept; a run that was killed goes on with them, and with no others."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders_draws import Floats, calls, fail_at, lambdas, one_sample, squares

from bids_ari.errors import OutputError
from bids_ari.runtime import checkpoints, shared
from bids_ari.runtime.checkpoints import digest_of, resumed
from bids_ari.stats.critical_vectors import Beta, Family, Learned, Simes
from bids_ari.stats.permutation import lambda_batch, smallest_batch
from bids_ari.stats.resampling import Exchange


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def run(tmp_path: Path, n: int = 6) -> list[list[float]]:
    """Squares of 0, 1, ...: what they are, whoever computed them."""
    found = list(resumed(map, tmp_path / "kept")(partial(squares, str(tmp_path)), range(n)))
    return [each.tolist() for each in found]


EXPECTED = [[0, np.inf], [1, np.inf], [4, np.inf], [9, np.inf], [16, np.inf], [25, np.inf]]


class TestResumed:
    def test_nothing_is_done_twice(self, tmp_path: Path) -> None:
        assert run(tmp_path) == run(tmp_path) == EXPECTED
        assert calls(tmp_path) == list(range(6))

    def test_a_run_that_ended_in_the_middle_goes_on(self, tmp_path: Path, kept: Path) -> None:
        begun = iter(resumed(map, kept)(partial(squares, str(tmp_path)), range(6)))
        next(begun), next(begun)
        assert run(tmp_path) == EXPECTED
        assert calls(tmp_path) == [0, 1, 2, 3, 4, 5]

    @pytest.mark.parametrize(
        "damage",
        [
            lambda content: content[:-1],
            lambda content: b"",
            lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
            lambda content: b"\x93NUMPY nonsense",
        ],
    )
    def test_what_is_damaged_is_computed_anew(
        self, tmp_path: Path, kept: Path, damage: Callable[[bytes], bytes]
    ) -> None:
        run(tmp_path)
        (file,) = kept.glob("*/3-*.npy")
        file.write_bytes(damage(file.read_bytes()))
        assert run(tmp_path) == EXPECTED
        assert calls(tmp_path)[6:] == [3]
        assert run(tmp_path) == EXPECTED
        assert calls(tmp_path)[7:] == []

    def test_files_of_others_are_not_read(self, tmp_path: Path, kept: Path) -> None:
        """Those of another call or function, by whatever name; a folder; one that was left half written."""
        run(tmp_path)
        (folder,) = kept.iterdir()
        (three,) = folder.glob("3-*.npy")
        for item in (3, 4):
            (folder / three.name.replace("3-", f"{item}-", 1)).write_bytes(three.read_bytes())
        (four,) = set(folder.glob("4-*.npy")) - {folder / three.name.replace("3-", "4-", 1)}
        four.unlink()
        (folder / "5-folder.npy").mkdir()
        (folder / "0123.part").write_bytes(three.read_bytes()[:50])
        assert run(tmp_path) == EXPECTED
        assert calls(tmp_path)[6:] == [4]
        other = kept / ("0" * len(folder.name))
        folder.rename(other)
        (again,) = resumed(map, kept, lambda _: other.name)(partial(squares, str(tmp_path)), [3])
        assert again.tolist() == EXPECTED[3]
        assert calls(tmp_path)[7:] == [3]

    def test_exceptions_are_not_kept(self, kept: Path) -> None:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                list(resumed(map, kept)(partial(fail_at, 0), [0]))
        assert not list(kept.glob("*/*"))

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path, kept: Path) -> None:
        kept.touch()
        with pytest.raises(OutputError, match="cannot hold finished batches"):
            run(tmp_path)

    def test_batches_are_kept_bit_by_bit(self, kept: Path) -> None:
        work, batches = lambdas()
        again = resumed(map, kept)
        first, second = list(again(work, batches)), list(again(work, batches))
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(first, list(map(work, batches)))


def variants() -> dict[str, partial[Floats]]:
    """Functions of which no two need have the same results."""
    model, draws = one_sample(40, 64)
    curves = np.sort(np.random.default_rng(0).uniform(size=(9, 5)), axis=0).cumsum(axis=1) / 5
    nudged = curves.copy()
    nudged[-1, -1] = np.nextafter(nudged[-1, -1], 2)
    unit = np.array(model.unit)
    unit[3, 4] = np.nextafter(unit[3, 4], 2)
    out = np.zeros(40, dtype=bool)
    one_out = out.copy()
    one_out[5] = True
    first, simes = model.parts[0], Simes(40)

    def of(model: Any = model, draws: Any = draws, family: Family = simes, left_out: Any = out) -> partial[Floats]:
        return partial(lambda_batch, model, draws, family, left_out=left_out)

    return {
        "plain": of(),
        "data": of(replace(model, unit=unit)),
        "dof": of(replace(model, parts=(first._replace(dof=10),))),
        "split": of(replace(model, parts=(first._replace(stop=20), first._replace(start=20)))),
        "one-sided": of(
            replace(
                model,
                basis=model.basis._replace(directed=True),
                parts=(first._replace(basis=first.basis._replace(directed=True)),),
            )
        ),
        "order": of(replace(model, order=model.order[::-1])),
        "seed": of(draws=replace(draws, seed=2)),
        "stream": of(draws=replace(draws, stream=1)),
        "n_draws": of(draws=replace(draws, n_draws=63)),
        "exchange": of(draws=replace(draws, exchange=Exchange.of(12, "both"))),
        "every": of(draws=replace(draws, every=draws.batch(0))),
        "delta": of(family=Simes(40, 1)),
        "beta": of(family=Beta(40)),
        "learned": of(family=Learned(curves)),
        "learned otherwise": of(family=Learned(nudged)),
        "left out": of(left_out=one_out),
        "nothing left out": of(left_out=None),
        "smallest": partial(smallest_batch, model, draws, 5),
        "more ranks": partial(smallest_batch, model, draws, 6),
    }


class TestDigest:
    def test_whatever_differs_has_another(self) -> None:
        digests = {name: digest_of(function) for name, function in variants().items()}
        assert len(set(digests.values())) == len(digests)

    def test_it_is_the_same_for_the_same(self) -> None:
        assert [digest_of(each) for each in variants().values()] == [digest_of(each) for each in variants().values()]

    def test_it_is_the_same_in_another_process(self) -> None:
        code = (
            "from test_checkpoints import variants, digest_of\nfor each in variants().values(): print(digest_of(each))"
        )
        places = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
        found = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {places}\n{code}"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout.split() == [digest_of(each) for each in variants().values()]

    def test_where_the_data_are_does_not_matter(self, tmp_path: Path) -> None:
        function = variants()["plain"]
        model, *others = function.args
        with shared.mapped(model.unit, tmp_path) as unit:
            on_disk = partial(lambda_batch, replace(model, unit=unit), *others, **function.keywords)
            assert digest_of(on_disk) == digest_of(function)

    @pytest.mark.parametrize("package", ["bids_ari", "numpy", "scipy", "numba"])
    def test_other_versions_have_another(self, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
        function, own = variants()["plain"], checkpoints.numeric_versions()
        before = digest_of(function)
        monkeypatch.setattr(checkpoints, "numeric_versions", lambda: own | {package: "0.1"})
        assert digest_of(function) != before

    def test_parts_that_look_alike_together_do_not(self) -> None:
        alike: list[tuple[Any, ...]] = [
            ("ab", "c"),
            ("a", "bc"),
            (("ab",), "c"),
            (1, 2),
            (12,),
            ("1", 2),
            (1.0, 2),
            (True, 2),
            (np.zeros(4),),
            (np.zeros((2, 2)),),
            (np.zeros(8, dtype=np.float32),),
            (np.zeros(0),),
            (),
            (None,),
            ({"a": 1},),
            ([("a", 1)],),
        ]
        assert len({digest_of(partial(print_nothing, *each)) for each in alike}) == len(alike)

    @pytest.mark.parametrize(
        "function", [lambda item: item, partial(squares, object()), partial(squares, np.array([object()]))]
    )
    def test_what_cannot_be_told_is_refused(self, function: Callable[..., Any]) -> None:
        with pytest.raises(TypeError):
            digest_of(function)


def print_nothing(*args: object) -> None:
    """Stand for any function."""
