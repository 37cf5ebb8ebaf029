"""Names, folders and sidecars. This package never looks at a voxel."""
