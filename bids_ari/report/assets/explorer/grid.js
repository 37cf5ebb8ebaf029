// Voxels: their grid, and which of them are points.

/**
 * @param {{shape: number[], affine: number[][], inverse: number[][], zooms: number[], axes: number[][]}} facts
 *   axes: for x, y, z the nearest axis of the file, and 1 or -1 for its direction
 */
function makeGrid(facts) {
  const [nx, ny, nz] = facts.shape;
  return {
    ...facts,
    nCells: nx * ny * nz,
    cellOf: ([i, j, k]) => (i * ny + j) * nz + k,
    voxelOf: (cell) => [Math.floor(cell / (ny * nz)), Math.floor(cell / nz) % ny, cell % nz],
    millimetres: (voxel) => transformed(facts.affine, voxel),
    holds: (voxel) => voxel.length === 3 && voxel.every((index, axis) => index >= 0 && index < facts.shape[axis]),
    nearest: (place) => clamped(facts.shape, transformed(facts.inverse, place).map(Math.round)),
  };
}

function transformed(matrix, place) {
  return [0, 1, 2].map((row) => {
    return matrix[row][0] * place[0] + matrix[row][1] * place[1] + matrix[row][2] * place[2] + matrix[row][3];
  });
}

function clamped(shape, voxel) {
  return voxel.map((index, axis) => Math.min(Math.max(index, 0), shape[axis] - 1) + 0);
}

/**
 * The points that are voxels of a grid, addressed by their voxels; for `makePoints`.
 * @param {Object} grid
 * @param {{cell: Uint32Array, position: Int32Array}} mask cell of each point, and point at each cell or -1
 * @param {number} volume of a voxel in mm³
 */
function makeVolume(grid, mask, volume) {
  const positionAt = (voxel) => mask.position[grid.cellOf(voxel)];
  return {
    grid,
    mask,
    volume,
    box: boxOfMask(grid, mask),
    positionAt,
    placeOf: (position) => grid.voxelOf(mask.cell[position]),
    holds: grid.holds,
    millimetres: grid.millimetres,
    nearest: grid.nearest,
    clamped: (place) => clamped(grid.shape, place.map(Math.round)),
    within: (voxel, radius) => sphereAround(grid, mask, voxel, radius),
    facts: (voxel) => (positionAt(voxel) < 0 ? [["voxel", "not tested"]] : []),
    toText: (voxel) => voxel.join("_"),
    fromText: (text) => text.split("_").map((index) => (/^\d+$/.test(index) ? Number(index) : NaN)),
  };
}

/** @returns {number[][]} the first voxel along each axis that is tested, and the one after the last */
function boxOfMask({ shape: [nx, ny, nz], shape }, { position }) {
  const [low, high] = [[...shape], [0, 0, 0]];
  const extend = (axis, index) => {
    if (index < low[axis]) low[axis] = index;
    if (index >= high[axis]) high[axis] = index + 1;
  };
  for (let i = 0, cell = 0; i < nx; i++) {
    for (let j = 0; j < ny; j++) {
      let [first, last] = [-1, -1];
      for (let k = 0; k < nz; k++, cell++) {
        if (position[cell] < 0) continue;
        if (first < 0) first = k;
        last = k;
      }
      if (first < 0) continue;
      extend(0, i);
      extend(1, j);
      extend(2, first);
      extend(2, last);
    }
  }
  return [low, high];
}

/**
 * The tested voxels whose centres are no further from that of a voxel than a radius in mm.
 * @returns {number[]} positions
 */
function sphereAround(grid, mask, centre, radius) {
  const reach = [0, 1, 2].map((axis) => Math.ceil(radius * Math.hypot(...grid.inverse[axis].slice(0, 3))));
  const [low, high] = [-1, 1].map((side) => clamped(grid.shape, centre.map((index, axis) => index + side * reach[axis])));
  const positions = [];
  for (let i = low[0]; i <= high[0]; i++) {
    for (let j = low[1]; j <= high[1]; j++) {
      for (let k = low[2]; k <= high[2]; k++) {
        const position = mask.position[grid.cellOf([i, j, k])];
        if (position >= 0 && isNear(grid.affine, i - centre[0], j - centre[1], k - centre[2], radius)) {
          positions.push(position);
        }
      }
    }
  }
  return positions;
}

/** @returns {boolean} whether a step of voxels is no longer than a radius; 1e-6 mm² allows for rounding */
function isNear(affine, i, j, k, radius) {
  let square = 0;
  for (let row = 0; row < 3; row++) square += (affine[row][0] * i + affine[row][1] * j + affine[row][2] * k) ** 2;
  return square <= radius * radius + 1e-6;
}
