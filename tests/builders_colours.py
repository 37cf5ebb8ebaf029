"""Colours as readers see them."""

import numpy as np

# Machado, Oliveira and Fernandes (2009), https://doi.org/10.1109/TVCG.2009.113, table 1, severity 1.0, of linear RGB
READERS = {
    "trichromacy": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}

RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # IEC 61966-2-1


def lab_of(rgb: np.ndarray, reader: str = "trichromacy") -> np.ndarray:
    """Return L*, a*, b* of colours (n, 3) by the definition of CIE 15:2004, relative to D65, as a reader sees them."""
    coded = np.asarray(rgb) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    ratio = np.clip(linear @ READERS[reader].T, 0, 1) @ RGB_TO_XYZ.T / RGB_TO_XYZ.sum(axis=1)
    x, y, z = np.where(ratio > (24 / 116) ** 3, np.cbrt(ratio), 841 / 108 * ratio + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
