// From a map of h x w cells to colours on the photo: bilinear between the cells' centres, then a
// Gaussian blur reflected at the edges of the region that the grid covers (as saccade.viz.overlay).

const RASTER = 256; // samples along the longer side of the region

/** A word's map as Float32Array of h * w weights, or null where there is none. */
function mapOf(word, kind) {
  const packed = word?.maps?.[kind];
  if (!packed) return null;
  word.unpacked ??= {};
  if (!word.unpacked[kind]) {
    const { peak, cells } = packed;
    word.unpacked[kind] = Float32Array.from(bytes(cells), (value) => (value * peak) / 255);
  }
  return word.unpacked[kind];
}

/** n x cells, row by row: how much each cell lights each of n samples along one axis. */
function axis(cells, n, blur) {
  const plain = new Float64Array(n * cells);
  for (let i = 0; i < n; i += 1) {
    const at = Math.min(Math.max(((i + 0.5) * cells) / n - 0.5, 0), cells - 1);
    const low = Math.min(Math.floor(at), Math.max(0, cells - 2));
    plain[i * cells + low] += 1 - (at - low);
    if (low + 1 < cells) plain[i * cells + low + 1] += at - low;
  }
  const sigma = (blur * n) / cells;
  if (sigma < 0.05) return plain;
  const radius = Math.ceil(4 * sigma);
  const kernel = [];
  for (let k = -radius; k <= radius; k += 1) kernel.push(Math.exp(-0.5 * (k / sigma) ** 2));
  const total = kernel.reduce((sum, value) => sum + value, 0);
  const blurred = new Float64Array(n * cells);
  for (let i = 0; i < n; i += 1) {
    for (let k = -radius; k <= radius; k += 1) {
      let from = (((i + k) % (2 * n)) + 2 * n) % (2 * n);
      if (from >= n) from = 2 * n - 1 - from;
      const weight = kernel[k + radius] / total;
      for (let c = 0; c < cells; c += 1) blurred[i * cells + c] += weight * plain[from * cells + c];
    }
  }
  return blurred;
}

/** The lattice that heat is worked out on: nx x ny samples over the geometry's box. */
function lattice(geometry, blur) {
  const [h, w] = geometry.grid;
  const [x0, y0, x1, y1] = geometry.box;
  const longest = Math.max(x1 - x0, y1 - y0);
  const [dx, dy] = [(x1 - x0) / w, (y1 - y0) / h];
  const spread = blur * Math.sqrt(dx * dy); // the same in both directions, in photo pixels
  const nx = Math.max(1, Math.round((RASTER * (x1 - x0)) / longest));
  const ny = Math.max(1, Math.round((RASTER * (y1 - y0)) / longest));
  return { h, w, nx, ny, across: axis(w, nx, spread / dx), down: axis(h, ny, spread / dy) };
}

/** Heat in the unit of the weights: ny x nx, and its peak. */
function heatOf(cells, { h, w, nx, ny, across, down }) {
  const rows = new Float64Array(h * nx);
  for (let r = 0; r < h; r += 1) {
    for (let x = 0; x < nx; x += 1) {
      let sum = 0;
      for (let c = 0; c < w; c += 1) sum += cells[r * w + c] * across[x * w + c];
      rows[r * nx + x] = sum;
    }
  }
  const heat = new Float32Array(nx * ny);
  let peak = 0;
  for (let y = 0; y < ny; y += 1) {
    for (let r = 0; r < h; r += 1) {
      const weight = down[y * h + r];
      if (weight === 0) continue;
      for (let x = 0; x < nx; x += 1) heat[y * nx + x] += weight * rows[r * nx + x];
    }
    for (let x = 0; x < nx; x += 1) peak = Math.max(peak, heat[y * nx + x]);
  }
  return { heat, peak };
}

/** By name: 256 times red, green, blue and opacity, of what is laid over the photo for a heat of 0 to
 * 1 (saccade.viz.scale). */
const tables = Object.fromEntries(
  Object.entries(head.colours).map(([name, table]) => [name, bytes(table)]),
);

const sheet = document.createElement("canvas");

/** Draw heat over a photo that fills the canvas of `context`; outside the box a plain veil says
 * that the model saw nothing there. `top`: the heat that is drawn as 1. */
function paintHeat(context, geometry, grid, heat, top, opacity, colours) {
  const { canvas } = context;
  const { nx, ny } = grid;
  if (sheet.width !== nx || sheet.height !== ny) Object.assign(sheet, { width: nx, height: ny });
  const brush = sheet.getContext("2d");
  const image = brush.createImageData(nx, ny);
  const table = tables[colours];
  for (let i = 0; i < heat.length; i += 1) {
    const at = 4 * Math.round(255 * (top > 0 ? Math.min(1, heat[i] / top) : 0));
    for (let k = 0; k < 3; k += 1) image.data[4 * i + k] = table[at + k];
    image.data[4 * i + 3] = opacity * table[at + 3];
  }
  brush.putImageData(image, 0, 0);
  const sx = canvas.width / geometry.width;
  const sy = canvas.height / geometry.height;
  const [x0, y0, x1, y1] = geometry.box;
  const box = [x0 * sx, y0 * sy, (x1 - x0) * sx, (y1 - y0) * sy];
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.save();
  context.beginPath();
  context.rect(0, 0, canvas.width, canvas.height);
  context.rect(...box);
  context.clip("evenodd");
  context.fillStyle = `rgb(16 16 18 / ${0.35 + 0.45 * opacity})`;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.restore();
  context.imageSmoothingQuality = "high";
  context.drawImage(sheet, ...box);
  if (x0 > 0.5 || y0 > 0.5 || x1 < geometry.width - 0.5 || y1 < geometry.height - 0.5) {
    context.strokeStyle = "rgb(255 255 255 / .45)"; // the edge of what the model saw
    context.lineWidth = Math.max(1, canvas.width / 800);
    context.strokeRect(...box);
  }
}

/** Where a word's map is highest and how that stands beside uniform weights; null without a map. */
function peakOf(word, kind, geometry) {
  const map = word?.maps?.[kind];
  if (!map) return null;
  const { times: ratio, flat, entropy, at } = map;
  if (at === null) return { ratio: null, flat, entropy, place: "nowhere", where: "" };
  const width = geometry.grid[1];
  const cell = [Math.floor(at / width), at % width];
  const box = geometry.regions ? geometry.regions[at] : cellBox(...cell, geometry);
  const where = geometry.regions ? `region ${at + 1} of ${geometry.count}`
    : `row ${cell[0] + 1}, column ${cell[1] + 1}`;
  return { ratio, flat, entropy, place: placeName(box, geometry), where };
}

/** "8.3 × uniform", and that a map names no place. */
const peakText = ({ ratio, flat }) =>
  `${times(ratio)}\u00a0uniform${flat ? ": nearly\u00a0uniform" : ""}`;

/** "the top left", "the middle": the third of the photo in which a box's centre lies. */
function placeName([x0, y0, x1, y1], geometry) {
  const third = (value) => Math.min(2, Math.max(0, Math.floor(3 * value)));
  const across = ["left", "centre", "right"][third((x0 + x1) / 2 / geometry.width)];
  const down = ["top", "middle", "bottom"][third((y0 + y1) / 2 / geometry.height)];
  if (across === "centre" && down === "middle") return "the middle";
  return across === "centre" ? `the ${down}` : `the ${down} ${across}`;
}

/** The part of the photo, in its pixels, that a cell stands for. */
function cellBox(row, column, { box: [x0, y0, x1, y1], grid: [h, w] }) {
  const [dx, dy] = [(x1 - x0) / w, (y1 - y0) / h];
  return [x0 + column * dx, y0 + row * dy, x0 + (column + 1) * dx, y0 + (row + 1) * dy];
}
