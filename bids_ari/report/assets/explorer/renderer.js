// Drawing of meshes by WebGL 2: one canvas behind the pictures of all hemispheres.

const VERTEX_SHADER = `#version 300 es
in vec3 place;
in vec3 normal;
in vec4 colour;
uniform mat3 axes;
uniform vec3 origin;
uniform vec3 scale;
out vec3 shaded;
void main() {
  gl_Position = vec4(axes * (place - origin) * scale, 1.0);
  vec3 seen = axes * normal;
  float light = max(dot(seen, normalize(vec3(-0.3, 0.5, 1.0))), 0.0);
  shaded = colour.rgb * (0.55 + 0.5 * light);
}`;
const FRAGMENT_SHADER = `#version 300 es
precision mediump float;
in vec3 shaded;
out vec4 pixel;
void main() {
  pixel = vec4(min(shaded, vec3(1.0)), 1.0);
}`;
const ATTRIBUTES = ["place", "normal", "colour"];

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Mesh[]} meshes
 * @param {function(): void} onLost when the browser takes WebGL away
 * @returns {?Object} null where there is no WebGL 2 that works
 */
function makeRenderer(canvas, meshes, onLost) {
  canvas.addEventListener("webglcontextlost", onLost);
  const gl = canvas.getContext("webgl2", { antialias: !isSoftware() });
  if (!gl) return null;
  const program = linked(gl);
  if (!program) return null;
  gl.useProgram(program);
  gl.enable(gl.DEPTH_TEST);
  gl.clearColor(0, 0, 0, 0);
  const uniforms = Object.fromEntries(["axes", "origin", "scale"].map((name) => [name, gl.getUniformLocation(program, name)]));
  const buffers = meshes.map((mesh) => uploaded(gl, mesh));
  return {
    setColours: (number, colours) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[number].colours);
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, new Uint8Array(colours.buffer));
    },
    /**
     * Draw all meshes.
     * @param {number} shape
     * @param {Object[]} projections of the meshes
     * @param {number[][]} boxes left, top, width and height of the picture of each mesh, in CSS pixels
     * @param {number} ratio pixels in a CSS pixel
     */
    draw: (shape, projections, boxes, ratio) => {
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      meshes.forEach(({ triangles }, i) => {
        const [left, top, width, height] = boxes[i].map((pixels) => Math.round(pixels * ratio));
        gl.viewport(left, canvas.height - top - height, width, height);
        setUniforms(gl, uniforms, projections[i]);
        gl.bindVertexArray(buffers[i].shapes[shape]);
        gl.drawElements(gl.TRIANGLES, triangles.length, gl.UNSIGNED_INT, 0);
      });
    },
  };
}

/** @returns {boolean} whether no graphics card draws: smooth edges would take three times as long */
function isSoftware() {
  const gl = element("canvas").getContext("webgl2");
  if (!gl) return true;
  const masked = gl.getParameter(gl.RENDERER);
  const info = masked === "WebKit WebGL" ? gl.getExtension("WEBGL_debug_renderer_info") : null;
  const name = info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : masked;
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

/** @returns {?WebGLProgram} the shaders, with the attributes numbered as in `ATTRIBUTES`; null if they are refused */
function linked(gl) {
  const program = gl.createProgram();
  for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX_SHADER], [gl.FRAGMENT_SHADER, FRAGMENT_SHADER]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  ATTRIBUTES.forEach((name, i) => gl.bindAttribLocation(program, i, name));
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

/** @returns {{colours: WebGLBuffer, shapes: WebGLVertexArrayObject[]}} a mesh in the memory of the graphics card */
function uploaded(gl, mesh) {
  const buffer = (target, content) => {
    const made = gl.createBuffer();
    gl.bindBuffer(target, made);
    gl.bufferData(target, content, gl.STATIC_DRAW);
    return made;
  };
  const colours = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, colours);
  gl.bufferData(gl.ARRAY_BUFFER, 4 * mesh.nVertices, gl.DYNAMIC_DRAW);
  const shapes = mesh.shapes.map(({ coordinates, normals }) => {
    const shape = gl.createVertexArray();
    gl.bindVertexArray(shape);
    [coordinates, normals].forEach((values, i) => {
      buffer(gl.ARRAY_BUFFER, values);
      gl.enableVertexAttribArray(i);
      gl.vertexAttribPointer(i, 3, gl.FLOAT, false, 0, 0);
    });
    gl.bindBuffer(gl.ARRAY_BUFFER, colours);
    gl.enableVertexAttribArray(2);
    gl.vertexAttribPointer(2, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    buffer(gl.ELEMENT_ARRAY_BUFFER, mesh.triangles);
    return shape;
  });
  return { colours, shapes };
}

function setUniforms(gl, uniforms, { axes, origin, scale, size, depth }) {
  const [right, up, toward] = axes;
  // the columns of the matrix, one after the other
  gl.uniformMatrix3fv(uniforms.axes, false, [0, 1, 2].flatMap((i) => [right[i], up[i], toward[i]]));
  gl.uniform3fv(uniforms.origin, origin);
  gl.uniform3f(uniforms.scale, (2 * scale) / size[0], (2 * scale) / size[1], -1 / depth);
}
