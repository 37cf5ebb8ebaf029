"""The explorer: a page for clusters at any target TDP, any voxel or vertex, and any region."""
