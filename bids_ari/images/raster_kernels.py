"""The loops of the renderer, compiled by numba."""

import numpy as np

from bids_ari.stats.forest_kernels import Floats, Ints, compiled

NOTHING = np.int32(-1)
"""No triangle."""

_ROUNDING = 1e-9  # of weights: without it, pixels on the side shared by two triangles could belong to neither


@compiled
def nearest_triangles(places: Floats, triangles: Ints, height: int, width: int) -> tuple[Ints, Floats]:
    """Return the triangle nearest to the viewer at each pixel, (height, width), and the weights of its first corners.

    `places`, (n_vertices, 3), are column, row and height above the picture; a pixel is the point of its column and row.
    The weights, (height, width, 2), are barycentric; that of the third corner is the rest of 1. Where a triangle is
    seen from its edge or has corners that are not finite, it is not drawn. Of triangles at the same height, the
    first is kept.
    """
    found = np.full((height, width), NOTHING)
    weights, nearest = np.zeros((height, width, 2)), np.full((height, width), -np.inf)
    for i in range(triangles.shape[0]):
        a, b, c = triangles[i]
        x_a, x_b, x_c = places[a, 0], places[b, 0], places[c, 0]
        left, right = max(np.ceil(min(x_a, x_b, x_c)), 0.0), min(np.floor(max(x_a, x_b, x_c)), width - 1.0)
        if not left <= right:
            continue
        y_a, y_b, y_c = places[a, 1], places[b, 1], places[c, 1]
        top, bottom = max(np.ceil(min(y_a, y_b, y_c)), 0.0), min(np.floor(max(y_a, y_b, y_c)), height - 1.0)
        double_area = (x_b - x_a) * (y_c - y_a) - (y_b - y_a) * (x_c - x_a)
        z_a, z_b, z_c = places[a, 2], places[b, 2], places[c, 2]
        if not top <= bottom or double_area == 0 or not np.isfinite(double_area + z_a + z_b + z_c):
            continue
        for row in range(int(top), int(bottom) + 1):
            for column in range(int(left), int(right) + 1):
                of_a = ((x_b - column) * (y_c - row) - (y_b - row) * (x_c - column)) / double_area
                of_b = ((x_c - column) * (y_a - row) - (y_c - row) * (x_a - column)) / double_area
                of_c = 1.0 - of_a - of_b
                if of_a >= -_ROUNDING and of_b >= -_ROUNDING and of_c >= -_ROUNDING:
                    above = of_a * z_a + of_b * z_b + of_c * z_c
                    if above > nearest[row, column]:
                        nearest[row, column], found[row, column] = above, i
                        weights[row, column, 0], weights[row, column, 1] = of_a, of_b
    return found, weights


@compiled
def shade(
    found: Ints, weights: Floats, triangles: Ints, normals: Floats, values: Floats, towards: Floats, n_samples: int
) -> tuple[Ints, Floats]:
    """Return the vertex at each pixel, (height, width), and means of light, values and cover, (height, width, 3).

    A pixel is a square of `n_samples` by `n_samples` samples of `found` and `weights`, from `nearest_triangles`.
    `normals` are (n_vertices, 3), and `towards`, (2, 3), are unit vectors to the light and to the viewer. Normals are
    interpolated, turned towards the viewer, and scaled to length 1. The vertex is that with the largest weight at the
    sample in the middle; if there is no triangle, at the last one before with a triangle, else at the first one after;
    -1 for none.
    """
    height, width = found.shape[0] // n_samples, found.shape[1] // n_samples
    vertices, shown = np.full((height, width), NOTHING), np.zeros((height, width, 3))
    for row in range(height):
        for column in range(width):
            n = 0
            for sample in range(n_samples * n_samples):
                i, j = row * n_samples + sample // n_samples, column * n_samples + sample % n_samples
                if found[i, j] < 0:
                    continue
                n += 1
                a, b, c = triangles[found[i, j]]
                of_a, of_b = weights[i, j]
                of_c = 1.0 - of_a - of_b
                x = of_a * normals[a, 0] + of_b * normals[b, 0] + of_c * normals[c, 0]
                y = of_a * normals[a, 1] + of_b * normals[b, 1] + of_c * normals[c, 1]
                z = of_a * normals[a, 2] + of_b * normals[b, 2] + of_c * normals[c, 2]
                length = np.sqrt(x * x + y * y + z * z)
                if length > 0:
                    cosine = (x * towards[0, 0] + y * towards[0, 1] + z * towards[0, 2]) / length
                    is_turned = x * towards[1, 0] + y * towards[1, 1] + z * towards[1, 2] < 0
                    shown[row, column, 0] += max(-cosine if is_turned else cosine, 0.0)
                shown[row, column, 1] += of_a * values[a] + of_b * values[b] + of_c * values[c]
                if vertices[row, column] < 0 or 2 * sample < n_samples * n_samples:
                    vertices[row, column] = a if of_a >= of_b and of_a >= of_c else (b if of_b >= of_c else c)
            if n > 0:
                shown[row, column, 0] /= n
                shown[row, column, 1] /= n
            shown[row, column, 2] = n / (n_samples * n_samples)
    return vertices, shown
