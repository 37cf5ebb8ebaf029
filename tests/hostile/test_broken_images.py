"""Every broken image is refused with the right error that names it; every sound one is read as it is."""

import signal
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import AFFINE, SHAPE, subject_map
from hostile.broken_images import HOSTILE_IMAGES, HostileImage, values, write_good

from bids_ari.errors import BidsAriError, DataError
from bids_ari.images.checks import check_headers
from bids_ari.images.files import read_image
from bids_ari.images.masks import load_mask
from bids_ari.images.single import load_map
from bids_ari.images.stack import load_stack
from bids_ari.images.statistic import Given
from bids_ari.images.volume import Grid, missing

CASES = [
    pytest.param(case, extension, id=f"{case.name}{extension}")
    for case in HOSTILE_IMAGES
    for extension in case.extensions
]
GRID = Grid(SHAPE, AFFINE)

Read = Callable[[Path], object]


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """A file that makes us wait fails its test."""

    def give_up(*_: object) -> None:
        raise TimeoutError("waited for a file")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(180)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Load the compiled code, which takes 15 MB, by a first group."""
    read_group(write_good(tmp_path_factory.mktemp("first") / "sub-02_statmap.nii", 2))


@pytest.fixture
def bounded_memory(compiled: None) -> Iterator[None]:
    """No case takes more than 8 MB, whatever a header claims."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8e6


def written(case: HostileImage, folder: Path, extension: str) -> Path:
    path = folder / f"sub-02_statmap{extension}"
    case.make(path)
    return path


def read_group(path: Path) -> np.ndarray:
    """Read the file as the map of one of three subjects; give its row."""
    others = [write_good(path.with_name(f"sub-0{i}_good.nii.gz"), i) for i in (1, 3)]
    files = zip("123", (others[0], path, others[1]), strict=True)
    stack = load_stack([subject_map(subject, each) for subject, each in files], coverage=0.01, n_threads=2)
    return stack.space.unmask(stack.effects[:, :][1])


def test_names_are_unique() -> None:
    assert len({case.name for case in HOSTILE_IMAGES}) == len(HOSTILE_IMAGES) > 120


@pytest.mark.parametrize(("case", "extension"), CASES)
class TestCorpus:
    def test_as_a_single_map(self, tmp_path: Path, case: HostileImage, extension: str) -> None:
        path = written(case, tmp_path, extension)
        if case.error is None:
            stack = load_map(path, given=Given("z"))
            np.testing.assert_array_equal(stack.space.inside, values() != 0)
            np.testing.assert_array_equal(stack.space.unmask(stack.effects[:, :][0]), values())
            assert stack.space.grid.matches(GRID)
        elif case.when == "group":
            image = read_image(path)
            assert missing(image.values, image.header.step).all()
        else:
            self.refuses(load_map, path, case)

    def test_as_a_mask(self, tmp_path: Path, case: HostileImage, extension: str) -> None:
        path = written(case, tmp_path, extension)
        if case.error is None:  # the values of a map
            with pytest.raises(DataError, match="different numbers above 0"):
                load_mask(path, GRID)
        elif case.when == "group":
            with pytest.raises(DataError, match=path.name):
                load_mask(path, GRID)
        else:
            self.refuses(lambda path: load_mask(path, GRID), path, case)

    @pytest.mark.usefixtures("bounded_memory")
    def test_as_one_of_a_group(self, tmp_path: Path, case: HostileImage, extension: str) -> None:
        path = written(case, tmp_path, extension)
        if case.error is None:
            np.testing.assert_array_equal(read_group(path), values())
        else:
            self.refuses(read_group, path, case)

    def test_by_its_header(self, tmp_path: Path, case: HostileImage, extension: str) -> None:
        path = written(case, tmp_path, extension)
        if case.error is None or case.when == "group":
            assert check_headers([subject_map("02", path)]).frame.matches(GRID)
        elif case.when == "header":
            self.refuses(lambda path: check_headers([subject_map("02", path)]), path, case)

    def refuses(self, read: Read, path: Path, case: HostileImage) -> None:
        assert case.error is not None
        with pytest.raises(BidsAriError) as caught:
            read(path)
        assert type(caught.value) is case.error
        assert str(path) in caught.value.found
        assert case.says in str(caught.value)
        assert caught.value.exit_code == case.expected_exit


def test_a_pipe_is_not_waited_for_by_threads_either(tmp_path: Path) -> None:
    pipe = next(case for case in HOSTILE_IMAGES if case.name == "a pipe")
    path = written(pipe, tmp_path, ".nii")
    before = threading.active_count()
    with pytest.raises(BidsAriError):
        check_headers([subject_map("01", path), subject_map("02", path)], n_threads=2)
    assert threading.active_count() == before
