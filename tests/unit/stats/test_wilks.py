"""Degrees of freedom of Rao's F, written out from tables of special cases."""

import pytest

from bids_ari.stats.wilks import is_exact, rao_f


@pytest.mark.parametrize(
    ("n_rows", "n_maps", "dof", "root", "of_rows", "of_residuals"),
    [
        (1, 1, 12, 1, 1, 12),  # t^2
        (3, 1, 12, 1, 3, 12),  # the usual F
        (1, 4, 12, 1, 4, 9),  # Hotelling: dof - maps + 1
        (2, 2, 12, 2, 4, 22),  # 2 (dof - 1)
        (5, 2, 12, 2, 10, 22),
        (2, 5, 12, 2, 10, 16),  # 2 (dof - maps + 1)
        (3, 3, 12, (77 / 13) ** 0.5, 9, (77 / 13) ** 0.5 * 11.5 - 3.5),  # (81 - 4) / (18 - 5); 12 - 1/2; (9 - 2) / 2
    ],
)
def test_root_and_degrees_of_freedom(
    n_rows: int, n_maps: int, dof: int, root: float, of_rows: float, of_residuals: float
) -> None:
    assert rao_f(n_rows, n_maps, dof) == pytest.approx((root, of_rows, of_residuals), rel=1e-14)


def test_exact_where_rows_or_maps_are_at_most_two() -> None:
    assert [is_exact(rows, maps) for rows, maps in ((1, 9), (2, 9), (9, 2), (3, 2), (3, 3), (4, 3))] == [True] * 4 + [
        False
    ] * 2
