// The photo with the map that glides over it, and the cell under the mouse.

const stage = byId("stage");
const canvas = byId("map");
const GLIDE = 420; // milliseconds from one map to the next

const drawn = {
  lattices: {}, // of the photo, by blur
  cells: null, // the map on the canvas now, (h * w)
  top: 0, // the heat that is drawn as 1
  frame: 0, // of the animation, 0 when none runs
  cell: null, // [row, column] under the mouse or the keys
};

/** The lattice of this photo at a blur (of a cell), kept until photo or blur change. */
function latticeAt(blur) {
  drawn.lattices[blur] ??= lattice(state.photo.geometry, blur);
  return drawn.lattices[blur];
}
const currentLattice = () => latticeAt(state.blur);

/** The map to show: of the word under the mouse or the chosen one, or null. */
const wanted = () => mapOf(sentence().words[shown()], state.map);

/** The heat that is drawn as 1: what the file says of a map at the default blur (saccade.viz.scale);
 * another blur moves it as it moves the map's own peak. Or the highest of all the sentence's. */
function topOf(word, kind = state.map) {
  const words = state.scale === "shared" ? sentence().words : [word];
  return Math.max(0, ...words.filter((one) => one.maps[kind]).map((one) => {
    const { top } = one.maps[kind];
    if (state.blur === head.blur) return top;
    const [usual, now] = [head.blur, state.blur].map((blur) =>
      heatOf(mapOf(one, kind), latticeAt(blur)).peak);
    return usual > 0 ? (top * now) / usual : top;
  }));
}

function paint() {
  const { clientWidth, clientHeight } = stage;
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const size = { width: Math.round(clientWidth * ratio), height: Math.round(clientHeight * ratio) };
  if (canvas.width !== size.width || canvas.height !== size.height) Object.assign(canvas, size);
  const context = canvas.getContext("2d");
  if (!drawn.cells) {
    context.clearRect(0, 0, canvas.width, canvas.height);
    return;
  }
  const grid = currentLattice();
  const { heat } = heatOf(drawn.cells, grid);
  paintHeat(context, state.photo.geometry, grid, heat, drawn.top, state.opacity, state.colours);
}

/** Bring the wanted map onto the canvas, gliding from the one that is there. */
function showMap(glide = true) {
  cancelAnimationFrame(drawn.frame);
  drawn.frame = 0;
  const target = wanted();
  describe(target);
  const from = drawn.cells;
  const top = target ? topOf(sentence().words[shown()]) : 0;
  const moves = glide && !still.matches && from && target && from.length === target.length;
  if (!moves) {
    Object.assign(drawn, { cells: target, top });
    paint();
    return;
  }
  const [start, startTop, began] = [Float32Array.from(from), drawn.top, performance.now()];
  const step = (now) => {
    const part = Math.min(1, Math.max(0, (now - began) / GLIDE));
    const ease = part * part * (3 - 2 * part);
    drawn.cells = part === 1 ? target : start.map((cell, i) => cell + ease * (target[i] - cell));
    drawn.top = startTop + ease * (top - startTop);
    paint();
    drawn.frame = part < 1 ? requestAnimationFrame(step) : 0;
  };
  drawn.frame = requestAnimationFrame(step);
}

/** The map in words: beneath the photo, and as the canvas's label. */
function describe(cells) {
  const word = sentence().words[shown()];
  const caption = byId("described");
  if (!word) {
    canvas.setAttribute("aria-label", "A caption without words.");
    caption.replaceChildren("A caption without words.");
    return;
  }
  const peak = peakOf(word, state.map, state.photo.geometry);
  let text = ": not measured.";
  if (peak && peak.ratio === null) text = ": says nothing, all cells are zero.";
  else if (peak) text = `: peak at ${peak.place} (${peak.where}), ${peakText(peak)}.`;
  const rest = [text, elsewhereText(word)].filter(Boolean).join(" ");
  canvas.setAttribute("aria-label", `${labelOf(state.map)} for “${word.word}”${rest}`);
  const told = el("span", {}, `${labelOf(state.map)} for `, quoted(word.word), rest);
  caption.replaceChildren(...[told, cells && legend(word)].filter(Boolean));
}

/** The share of the attention that is on no cell, so that the map does not show it. */
const elsewhereText = (word) => (known(word.elsewhere) && state.map === "attention"
  ? `${share(word.elsewhere)} of the attention is on no cell.` : "");

/** The colour scale, with a line where uniform weights would be. */
function legend(word) {
  const top = topOf(word);
  const strip = el("canvas", { width: 256, height: 1 });
  const context = strip.getContext("2d");
  const image = context.createImageData(256, 1);
  for (let i = 0; i < 256; i += 1) {
    const [r, g, b, opacity] = tables[state.colours].subarray(4 * i, 4 * i + 4);
    const over = [r, g, b].map((value) => 150 + ((value - 150) * opacity) / 255); // a grey photo
    image.data.set([...over, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  const uniform = 1 / state.photo.geometry.count;
  const line = el("i", { title: "uniform weights" });
  line.style.left = `${top > 0 ? Math.min(100, (100 * uniform) / top) : 0}%`;
  return el(
    "span",
    { className: "legend", title: "After the blur; the line: where uniform weights would be." },
    "0",
    el("span", { className: "strip" }, strip, line),
    `${times(top / uniform)}\u00a0uniform, blurred`,
  );
}

// The cell under the mouse ------------------------------------------------------------------------

/** Row and column at a place of the stage (0 to 1 each way), or null outside the grid. */
function cellAt(x, y) {
  const { width, height, box, grid } = state.photo.geometry;
  const column = Math.floor(((x * width - box[0]) / (box[2] - box[0])) * grid[1]);
  const row = Math.floor(((y * height - box[1]) / (box[3] - box[1])) * grid[0]);
  return row >= 0 && column >= 0 && row < grid[0] && column < grid[1] ? [row, column] : null;
}

/** Mark a cell and show on the words how much each looked there; null: none. */
function chooseCell(cell) {
  drawn.cell = cell;
  const outline = byId("cell");
  outline.hidden = cell === null;
  if (cell !== null) {
    const { width, height } = state.photo.geometry;
    const [x0, y0, x1, y1] = cellBox(...cell, state.photo.geometry);
    const edges = [x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height];
    for (const [i, name] of ["left", "top", "width", "height"].entries()) {
      outline.style[name] = `${100 * edges[i]}%`;
    }
  }
  weighWords(cell);
}

function prepareStage() {
  const at = (event) => {
    const box = stage.getBoundingClientRect();
    return cellAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  stage.addEventListener("pointermove", (event) => chooseCell(at(event)));
  stage.addEventListener("pointerdown", (event) => chooseCell(at(event)));
  stage.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") chooseCell(null);
  });
  stage.addEventListener("blur", () => chooseCell(null));
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  stage.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const [h, w] = state.photo.geometry.grid;
    const [row, column] = drawn.cell ?? [Math.floor(h / 2) - step[0], Math.floor(w / 2) - step[1]];
    chooseCell([
      Math.min(h - 1, Math.max(0, row + step[0])),
      Math.min(w - 1, Math.max(0, column + step[1])),
    ]);
  });
  new ResizeObserver(() => state.photo && paint()).observe(stage);
}
