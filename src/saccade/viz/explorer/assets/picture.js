// What is seen as one picture: the photo, the map on it, the caption with the chosen word marked.

const PAPER = "#ffffff";
const INK = "#1d1b19";
const SOFT = "#68635d";
const ACCENT = "#b2430b";
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

const LEAST_SIDE = 640; // a smaller photo is enlarged, so that letters fit beneath it

/** The size of a saved picture: the embedded photo's, its long side at most `limit`. */
function pictureSize(limit) {
  const photo = byId("picture");
  const longest = Math.max(photo.naturalWidth, photo.naturalHeight);
  const scale = Math.min(limit, Math.max(LEAST_SIDE, longest)) / longest;
  const scaled = (side) => Math.max(1, Math.round(side * scale));
  return [scaled(photo.naturalWidth), scaled(photo.naturalHeight)];
}

/** The map alone, transparent where the photo is to be seen: a canvas of that size. */
function mapLayer(word, width, height) {
  const layer = el("canvas", { width, height });
  const cells = mapOf(word, state.map);
  if (cells) {
    const grid = currentLattice();
    const { heat } = heatOf(cells, grid);
    const brush = layer.getContext("2d");
    paintHeat(brush, state.photo.geometry, grid, heat, topOf(word), state.opacity, state.colours);
  }
  return layer;
}

/** Lines of text pieces, each with its place: the caption, then what is known of one word. */
function lettering(place, width) {
  const size = Math.max(15, Math.round(width / 34));
  const small = Math.max(12, Math.round(size * 0.62));
  const brush = el("canvas").getContext("2d");
  const wide = (text, font) => {
    brush.font = font;
    return brush.measureText(text).width;
  };
  const [margin, room] = [Math.round(size * 0.8), width - 2 * Math.round(size * 0.8)];
  const pieces = [];
  let [x, y] = [margin, Math.round(size * 1.7)];
  for (const [i, word] of sentence().words.entries()) {
    const bold = i === place;
    const told = shortened(word.word);
    const natural = wide(told, `${bold ? 700 : 400} ${size}px ${FONT}`);
    const fitted = Math.min(size, (size * room) / natural); // never broken: smaller where it must be
    const long = (natural * fitted) / size;
    if (x > margin && x + long > margin + room) [x, y] = [margin, y + Math.round(size * 1.4)];
    pieces.push({ text: told, x, y, size: fitted, bold, colour: bold ? ACCENT : INK });
    const next = sentence().words[i + 1];
    x += long + (next?.glued ? 0 : wide(" ", `400 ${size}px ${FONT}`));
  }
  const word = sentence().words[place];
  if (word) {
    const peak = peakOf(word, state.map, state.photo.geometry);
    const told = [`${word.word}: ${percent(word.logprob)}`,
      word.verdict ? `${word.seen}, ${word.verdict}` : "not measured",
      labelOf(state.map) +
        (peak?.ratio ? `, peak ${peakText(peak)}` : ""),
      elsewhereText(word).replace(/\.$/, "")].filter(Boolean);
    y += Math.round(size * 0.4);
    for (const text of told.join(" · ").split(/(?<= )/).reduce((lines, part) => {
      const joined = lines.at(-1) + part;
      if (wide(joined, `400 ${small}px ${FONT}`) > room && lines.at(-1)) lines.push(part);
      else lines[lines.length - 1] = joined;
      return lines;
    }, [""])) {
      y += Math.round(small * 1.45);
      pieces.push({ text: text.trimEnd(), x: margin, y, size: small, bold: false, colour: SOFT });
    }
  }
  return { pieces, height: y + Math.round(size * 0.9) };
}

/** The whole picture as a canvas; `strip` fixes the height of the text beneath. */
function composed(place, limit, strip = 0) {
  const [width, height] = pictureSize(limit);
  const text = lettering(place, width);
  const target = el("canvas", { width, height: height + Math.max(strip, text.height) });
  const context = target.getContext("2d", { willReadFrequently: true });
  context.fillStyle = PAPER;
  context.fillRect(0, 0, target.width, target.height);
  context.drawImage(byId("picture"), 0, 0, width, height);
  context.drawImage(mapLayer(sentence().words[place], width, height), 0, 0);
  for (const piece of text.pieces) {
    context.font = `${piece.bold ? 700 : 400} ${piece.size}px ${FONT}`;
    context.fillStyle = piece.colour;
    context.fillText(piece.text, piece.x, height + piece.y);
  }
  return target;
}

/** The same as SVG: photo and map as two pictures that can be taken apart, text as text. */
function composedSvg(place) {
  const [width, height] = pictureSize(Infinity);
  const text = lettering(place, width);
  const whole = { width, height: height + text.height };
  const photo = `data:image/jpeg;base64,${pixelsOf(state.place)}`;
  const layer = mapLayer(sentence().words[place], width, height).toDataURL("image/png");
  const viewBox = `0 0 ${whole.width} ${whole.height}`;
  return svg("svg", { xmlns: "http://www.w3.org/2000/svg", ...whole, viewBox },
    svg("title", {}, sentence().text),
    svg("rect", { width: whole.width, height: whole.height, fill: PAPER }),
    svg("image", { id: "photo", href: photo, width, height }),
    svg("image", { id: "map", href: layer, width, height }),
    text.pieces.map((piece) => svg("text", { x: piece.x, y: height + piece.y,
      fill: piece.colour, "font-size": piece.size, "font-family": FONT,
      "font-weight": piece.bold ? 700 : 400 }, piece.text)));
}
