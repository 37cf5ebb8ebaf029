"""The statistics: numbers in, numbers out. Voxels are positions 0..n-1 of one-dimensional arrays."""
