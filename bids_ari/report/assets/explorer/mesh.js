// Meshes: their geometry, and the points that are vertices. A vertex is a pair: the number of the mesh, and its own.

/**
 * @typedef {Object} Mesh
 * @property {string} name of the structure in CIFTI
 * @property {string} structure its name in GIFTI
 * @property {string} title
 * @property {boolean} isRight
 * @property {number} nVertices
 * @property {Uint32Array} triangles three vertices each
 * @property {{name: string, coordinates: Float32Array, normals: Float32Array}[]} shapes x, y, z of each vertex; the last
 *   is the surface as given, in mm
 * @property {Uint8Array} levels grey of each vertex, of its sulcus
 * @property {Int32Array} position point at each vertex, or -1
 */

/**
 * The points that are vertices; for `makePoints`.
 * @param {Mesh[]} meshes
 * @param {Int8Array} meshOf mesh of each point, -1 for voxels
 * @param {Int32Array} vertexOf vertex of each point
 * @param {function(number): number} areaOf area of a point in mm²
 */
function makeSurfaces(meshes, meshOf, vertexOf, areaOf) {
  const positionAt = ([mesh, vertex]) => meshes[mesh].position[vertex];
  return {
    meshes,
    positionAt,
    areaOf,
    has: (position) => meshOf[position] >= 0,
    placeOf: (position) => [meshOf[position], vertexOf[position]],
    holds: ([mesh, vertex]) => mesh in meshes && vertex >= 0 && vertex < meshes[mesh].nVertices,
    millimetres: ([mesh, vertex]) => {
      return [...placeOn(givenShape(meshes[mesh]), vertex)].map((mm) => Number(mm.toFixed(2))); // the step in the page
    },
    nearest: (place) => nearestVertex(meshes, place),
    within: makeDiscs(meshes),
    facts: (place) => vertexFacts(meshes, place, positionAt(place)),
    toText: ([mesh, vertex]) => `${meshes[mesh].name}_${vertex}`,
    fromText: (text) => {
      const [, name, number] = /^(\w+)_(\d+)$/.exec(text) ?? [];
      return [meshes.findIndex((mesh) => mesh.name === name), Number(number)];
    },
  };
}

const givenShape = ({ shapes }) => shapes[shapes.length - 1];

const placeOn = ({ coordinates }, vertex) => coordinates.subarray(3 * vertex, 3 * vertex + 3);

function vertexFacts(meshes, [mesh, vertex], position) {
  const facts = [["vertex", `${vertex}${position < 0 ? ", not tested" : ""}`]];
  return position < 0 ? [["structure", meshes[mesh].title], ...facts] : facts;
}

function nearestVertex(meshes, [x, y, z]) {
  let best = { square: Infinity, place: [0, 0] };
  meshes.forEach((mesh, number) => {
    const { coordinates } = givenShape(mesh);
    for (let vertex = 0, i = 0; vertex < mesh.nVertices; vertex++, i += 3) {
      const square = (coordinates[i] - x) ** 2 + (coordinates[i + 1] - y) ** 2 + (coordinates[i + 2] - z) ** 2;
      if (square < best.square) best = { square, place: [number, vertex] };
    }
  });
  return best.place;
}

/** @returns {Float32Array} unit normals of the vertices, outwards */
function normalsOf(coordinates, triangles) {
  const normals = new Float32Array(coordinates.length);
  let volume = 0;
  for (let t = 0; t < triangles.length; t += 3) {
    const [a, b, c] = [3 * triangles[t], 3 * triangles[t + 1], 3 * triangles[t + 2]];
    const [ax, ay, az] = [coordinates[a], coordinates[a + 1], coordinates[a + 2]];
    const [bx, by, bz] = [coordinates[b] - ax, coordinates[b + 1] - ay, coordinates[b + 2] - az];
    const [cx, cy, cz] = [coordinates[c] - ax, coordinates[c + 1] - ay, coordinates[c + 2] - az];
    const [nx, ny, nz] = [by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx];
    volume += nx * ax + ny * ay + nz * az;
    for (const corner of [a, b, c]) {
      normals[corner] += nx;
      normals[corner + 1] += ny;
      normals[corner + 2] += nz;
    }
  }
  const side = volume < 0 ? -1 : 1;
  for (let i = 0; i < normals.length; i += 3) {
    const length = side * (Math.sqrt(normals[i] ** 2 + normals[i + 1] ** 2 + normals[i + 2] ** 2) || 1);
    normals[i] /= length;
    normals[i + 1] /= length;
    normals[i + 2] /= length;
  }
  return normals;
}

/** @returns {{starts: Uint32Array, neighbours: Uint32Array}} the neighbours of each vertex; most are there twice */
function neighboursOf({ nVertices, triangles }) {
  const starts = new Uint32Array(nVertices + 1);
  for (const vertex of triangles) starts[vertex + 1] += 2;
  for (let vertex = 0; vertex < nVertices; vertex++) starts[vertex + 1] += starts[vertex];
  const next = starts.slice();
  const neighbours = new Uint32Array(2 * triangles.length);
  for (let i = 0; i < triangles.length; i += 3) {
    const [a, b, c] = [triangles[i], triangles[i + 1], triangles[i + 2]];
    for (const [from, to, other] of [[a, b, c], [b, c, a], [c, a, b]]) {
      neighbours[next[from]++] = to;
      neighbours[next[from]++] = other;
    }
  }
  return { starts, neighbours };
}

/** @returns {{starts: Uint32Array, neighbours: Uint32Array}} computed when they are first needed */
const edgesOf = (mesh) => (mesh.edges ??= neighboursOf(mesh));

/** Return the function that finds the tested vertices within a distance in mm along edges; the last one is kept. */
function makeDiscs(meshes) {
  let kept = { key: "", positions: [] };
  return ([number, vertex], radius) => {
    const key = `${number} ${vertex} ${radius}`;
    if (kept.key !== key) {
      const mesh = meshes[number];
      const positions = [...distancesFrom(mesh, vertex, radius).keys()].map((each) => mesh.position[each]);
      kept = { key, positions: positions.filter((position) => position >= 0) };
    }
    return kept.positions;
  };
}

/** @returns {Map<number, number>} distance of each vertex within a limit, by Dijkstra's algorithm with a binary heap */
function distancesFrom(mesh, start, limit) {
  const { starts, neighbours } = edgesOf(mesh);
  const { coordinates } = givenShape(mesh);
  const distances = new Map([[start, 0]]);
  const heap = [[0, start]];
  while (heap.length) {
    const [distance, vertex] = takeLeast(heap);
    if (distance > distances.get(vertex)) continue;
    for (let i = starts[vertex]; i < starts[vertex + 1]; i++) {
      const [a, b] = [3 * vertex, 3 * neighbours[i]];
      const edge = Math.hypot(coordinates[a] - coordinates[b], coordinates[a + 1] - coordinates[b + 1], coordinates[a + 2] - coordinates[b + 2]);
      const there = distance + edge;
      if (there <= limit && there < (distances.get(neighbours[i]) ?? Infinity)) {
        distances.set(neighbours[i], there);
        add(heap, [there, neighbours[i]]);
      }
    }
  }
  return distances;
}

/** Add a pair to a binary heap, the one with the least first number at the top. */
function add(heap, pair) {
  let place = heap.length;
  for (let up = (place - 1) >> 1; place > 0 && heap[up][0] > pair[0]; up = (place - 1) >> 1) {
    heap[place] = heap[up];
    place = up;
  }
  heap[place] = pair;
}

/** Remove the top of a binary heap and return it. */
function takeLeast(heap) {
  const [least, last] = [heap[0], heap.pop()];
  if (!heap.length) return least;
  let place = 0;
  for (;;) {
    let down = 2 * place + 1;
    if (down + 1 < heap.length && heap[down + 1][0] < heap[down][0]) down++;
    if (down >= heap.length || heap[down][0] >= last[0]) break;
    heap[place] = heap[down];
    place = down;
  }
  heap[place] = last;
  return least;
}
