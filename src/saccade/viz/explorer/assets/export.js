// Saving what is seen, as a download made in the page: nothing leaves it.

const GIF_SIDE = 480;

/** A word's evidence as plain JSON, its maps as rows of weights. */
function plainWord(word) {
  const { maps, unpacked, glued, ...rest } = word;
  const [h, w] = state.photo.geometry.grid;
  const short = (cell) => Number(cell.toPrecision(5));
  const rows = (cells) =>
    Array.from({ length: h }, (_, r) => Array.from(cells.slice(r * w, (r + 1) * w), short));
  const found = Object.keys(maps).map((kind) => [kind, rows(mapOf(word, kind))]);
  return { ...rest, maps: Object.fromEntries(found) };
}

function plainSentence() {
  const { words, instead, ...rest } = sentence();
  return {
    photo: head.photos[state.place].name,
    geometry: state.photo.geometry,
    beam: state.sentence + 1,
    ...rest,
    chosen: state.word,
    words: words.map(plainWord),
    instead: instead.map(({ place, said, other }) => {
      return { place, said: plainWord(said), other: plainWord(other) };
    }),
    settings: state.photo.settings,
    note: "Log-probabilities and entropies are in nats. Maps are off by at most 1/510 of their " +
      "peak.",
  };
}

const blobOf = (value, type) => new Blob([value], { type });

/** A Blob of each kind. */
const makers = {
  png: () => new Promise((resolve) => composed(state.word, Infinity).toBlob(resolve, "image/png")),
  svg: () =>
    blobOf(new XMLSerializer().serializeToString(composedSvg(state.word)), "image/svg+xml"),
  json: () => blobOf(JSON.stringify(plainSentence(), null, 1), "application/json"),
  gif: () => {
    const places = sentence().words.length ? sentence().words.map((_, place) => place) : [0];
    const [width] = pictureSize(GIF_SIDE);
    const strip = Math.max(...places.map((place) => lettering(place, width).height));
    const frames = places.map((place) => {
      const picture = composed(place, GIF_SIDE, strip);
      return picture.getContext("2d").getImageData(0, 0, picture.width, picture.height);
    });
    const delays = places.map((place) => (place === places.at(-1) ? 2000 : 900));
    return blobOf(gif(frames, delays), "image/gif");
  },
};

async function save(kind) {
  const saved = byId("saved");
  saved.textContent = "…";
  await new Promise((resolve) => setTimeout(resolve, 20)); // let the dots be drawn
  await byId("picture").decode();
  const blob = await makers[kind]();
  const tame = (name) => name.replace(/[^\p{L}\p{N}_-]+/gu, "-").slice(0, 80);
  const word = sentence().words[state.word];
  const parts = [tame(head.photos[state.place].name.replace(/\.[a-z]+$/i, ""))];
  if (word && (kind === "png" || kind === "svg")) parts.push(state.word + 1, tame(word.word));
  const name = `${parts.join("-")}.${kind}`;
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  saved.textContent = `${name}, ${Math.max(1, Math.round(blob.size / 1024))} kB`;
}
