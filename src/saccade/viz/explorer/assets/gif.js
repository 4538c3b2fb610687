// A small GIF writer: one palette for all frames (median cut), ordered dither, LZW.

const bin = (r, g, b) => ((r >> 3) << 10) | ((g >> 3) << 5) | (b >> 3);

/** 256 colours for all frames: the box of colours with the most error is split at its
 * median, until there are enough. Colours are told apart by 5 bits a channel. */
function palette(frames, count = 256) {
  const histogram = new Map();
  for (const { data } of frames) {
    for (let i = 0; i < data.length; i += 4) {
      const key = bin(data[i], data[i + 1], data[i + 2]);
      histogram.set(key, (histogram.get(key) ?? 0) + 1);
    }
  }
  const channel = (key, k) => (key >> (10 - 5 * k)) & 31;
  const measured = (entries) => {
    const spans = [0, 1, 2].map((k) => {
      const values = entries.map(([key]) => channel(key, k));
      return values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b));
    });
    const weight = entries.reduce((sum, [, n]) => sum + n, 0);
    const widest = spans.indexOf(Math.max(...spans));
    return { entries, widest, weight, worth: spans[widest] * spans[widest] * Math.sqrt(weight) };
  };
  const boxes = [measured([...histogram])];
  while (boxes.length < count) {
    const at = boxes.reduce((best, box, i) => (box.worth > boxes[best].worth ? i : best), 0);
    const { entries, widest, weight, worth } = boxes[at];
    if (worth === 0) break;
    entries.sort((a, b) => channel(a[0], widest) - channel(b[0], widest));
    let [cut, sum] = [0, 0];
    while (cut < entries.length - 2 && sum + entries[cut][1] < weight / 2) sum += entries[cut++][1];
    boxes.splice(at, 1, measured(entries.slice(0, cut + 1)), measured(entries.slice(cut + 1)));
  }
  const mean = ({ entries, weight }, k) =>
    entries.reduce((sum, [key, n]) => sum + channel(key, k) * n, 0) / weight;
  return boxes.map((box) => [0, 1, 2].map((k) => Math.round(mean(box, k) * (255 / 31))));
}

/** Pixels as indices into the palette; a 4 x 4 ordered dither keeps slow gradients smooth. */
function indexed({ data, width, height }, colours, nearest) {
  const bayer = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];
  const found = new Uint8Array(width * height);
  for (let i = 0; i < found.length; i += 1) {
    const shift = (bayer[((Math.floor(i / width) & 3) << 2) | (i % width & 3)] - 7.5) * 0.6;
    const moved = (k) => Math.min(255, Math.max(0, Math.round(data[4 * i + k] + shift)));
    const [r, g, b] = [moved(0), moved(1), moved(2)];
    const key = bin(r, g, b);
    if (nearest[key] < 0) {
      let least = Infinity;
      for (const [c, colour] of colours.entries()) {
        const far = (colour[0] - r) ** 2 + (colour[1] - g) ** 2 + (colour[2] - b) ** 2;
        if (far < least) [least, nearest[key]] = [far, c];
      }
    }
    found[i] = nearest[key];
  }
  return found;
}

/** LZW with 8-bit symbols, in blocks of up to 255 bytes. */
function packLzw(pixels, out) {
  let [table, size, next, hold, held, block] = [new Map(), 9, 258, 0, 0, []];
  const flush = () => {
    if (block.length) out.push(block.length, ...block);
    block = [];
  };
  const emit = (code) => {
    hold |= code << held;
    for (held += size; held >= 8; held -= 8, hold >>>= 8) {
      block.push(hold & 255);
      if (block.length === 255) flush();
    }
  };
  out.push(8);
  emit(256);
  let prefix = pixels[0];
  for (let i = 1; i < pixels.length; i += 1) {
    const key = prefix * 256 + pixels[i];
    const code = table.get(key);
    if (code !== undefined) {
      prefix = code;
      continue;
    }
    emit(prefix);
    if (next < 4096) {
      if (next === 1 << size) size += 1;
      table.set(key, next);
      next += 1;
    } else {
      emit(256);
      [table, size, next] = [new Map(), 9, 258];
    }
    prefix = pixels[i];
  }
  emit(prefix);
  if (next === 1 << size && size < 12) size += 1;
  emit(257);
  if (held > 0) block.push(hold & 255);
  flush();
  out.push(0);
}

/** frames: ImageData of one size; delays in milliseconds. Returns the file's bytes. */
function gif(frames, delays) {
  const { width, height } = frames[0];
  const colours = palette(frames);
  const nearest = new Int16Array(32768).fill(-1);
  const short = (value) => [value & 255, (value >> 8) & 255];
  const letters = (text) => [...new TextEncoder().encode(text)];
  const out = [...letters("GIF89a"), ...short(width), ...short(height), 0xf7, 0, 0];
  for (let c = 0; c < 256; c += 1) out.push(...(colours[c] ?? [0, 0, 0]));
  out.push(0x21, 0xff, 11, ...letters("NETSCAPE2.0"), 3, 1, 0, 0, 0); // for ever
  for (const [i, frame] of frames.entries()) {
    out.push(0x21, 0xf9, 4, 0, ...short(Math.round(delays[i] / 10)), 0, 0);
    out.push(0x2c, 0, 0, 0, 0, ...short(width), ...short(height), 0);
    packLzw(indexed(frame, colours, nearest), out);
  }
  out.push(0x3b);
  return Uint8Array.from(out);
}
