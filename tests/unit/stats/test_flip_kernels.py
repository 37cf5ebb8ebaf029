import numpy as np
import numpy.typing as npt
import pytest

from bids_ari.stats.flip_kernels import codes_of, flipped_correlations

Floats = npt.NDArray[np.float64]


def correlations(tested: Floats, sign: Floats, data: Floats, signed: bool) -> Floats:
    found = np.full((len(sign), data.shape[1]), np.nan)
    flipped_correlations(tested, codes_of(sign), data, 0, data.shape[1], signed, found)
    return found


def test_codes() -> None:
    """The first of three subjects is worth 1, the next 2 and 4; subjects that are absent are positive."""
    assert codes_of(np.array([[1.0, 1, 1, 1], [-1, 1, 1, -1], [1, -1, -1, 1]])).tolist() == [[0, 0], [1, 1], [6, 0]]


@pytest.mark.parametrize("n", [1, 2, 3, 8, 30, 31])
def test_sums_of_flipped_data(n: int) -> None:
    rng = np.random.default_rng(n)
    data, weights, sign = rng.normal(size=(n, 901)), rng.normal(size=(1, n)), rng.choice([-1.0, 1.0], size=(7, n))
    expected = (sign * weights) @ data
    np.testing.assert_allclose(correlations(weights, sign, data, True), expected, atol=1e-13)
    np.testing.assert_array_equal(
        correlations(weights, sign, data, False), np.abs(correlations(weights, sign, data, True))
    )


def test_the_length_along_several_directions() -> None:
    rng = np.random.default_rng(0)
    data, tested, sign = rng.normal(size=(10, 500)), rng.normal(size=(3, 10)), rng.choice([-1.0, 1.0], size=(5, 10))
    expected = np.linalg.norm(np.einsum("ri,bi,ij->brj", tested, sign, data), axis=1)
    np.testing.assert_allclose(correlations(tested, sign, data, False), expected, rtol=1e-12)


def test_opposite_flips_and_any_part_of_the_points_have_the_same_bits() -> None:
    rng = np.random.default_rng(1)
    data, weights, sign = rng.normal(size=(20, 1000)), rng.normal(size=(1, 20)), rng.choice([-1.0, 1.0], size=(9, 20))
    found = correlations(weights, sign, data, True)
    np.testing.assert_array_equal(correlations(weights, -sign, data, True), -found)
    parts = np.empty_like(found)
    for start, stop in ((0, 1), (1, 400), (400, 1000)):
        flipped_correlations(weights, codes_of(sign), data, start, stop, True, parts)
    np.testing.assert_array_equal(parts, found)
    np.testing.assert_array_equal(correlations(weights, sign[4:5], data[:, 7:8].copy(), True), found[4:5, 7:8])
