// All photos: cards made once, searched and sorted by moving and hiding them.

const cards = [];

/** A card's small print: the verdicts, and what the cards are sorted by. */
function told(row) {
  return [
    `${row.supported} of ${row.words} supported · ${row.guessed} guessed`,
    `${nats(row.logprob)} · mean effect ${signed(row.effect)}`,
    row.doubt,
    row.name,
  ].filter(Boolean).map((text) => el("small", {}, text));
}

/** A caption whose longest word fits in its card. */
function caption(text) {
  const words = text.split(/(\s+)/).map(shortened);
  const node = el("span", { className: "text" }, words.join(""));
  if (words.join("") !== text) node.title = text;
  const longest = Math.max(1, ...words.map(widthOf));
  node.style.setProperty("--em", longest.toFixed(3));
  return node;
}

function prepareIndex() {
  // A thumbnail is decoded when its card comes near the window.
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      const { card } = entry.target;
      card.image.src = `data:image/jpeg;base64,${card.row.thumb}`;
      watcher.unobserve(entry.target);
    }
  }, { rootMargin: "400px" });
  for (const [place, row] of head.photos.entries()) {
    const image = el("img", { alt: "", decoding: "async" });
    const node = el("li", {},
      el("a", { href: addressOf(place) },
        el("span", { className: "thumb" }, image),
        caption(row.text || "(no words)"),
        told(row)));
    const card = { node, row, place, image, hay: `${row.text}\n${row.name}`.toLowerCase() };
    node.card = card;
    cards.push(card);
    watcher.observe(node);
  }
  byId("cards").append(...cards.map((card) => card.node));
  byId("summary").replaceChildren(...totals());
  prepareFigures();
  byId("summary").hidden = false;
  const known = new Set(head.photos.flatMap((row) => Object.keys(row.scores)));
  for (const name of known) {
    orders[name] = (row) => row.scores[name] ?? Infinity;
    byId("sort").append(el("option", { value: name }, `${name}, lowest first`));
  }
  if (head.photos.some((row) => row.doubt)) {
    orders.doubtful = (row) => -row.doubtful;
    byId("sort").append(el("option", { value: "doubtful" }, "most doubtful words first"));
  }
  byId("search").addEventListener("input", arrange);
  byId("sort").addEventListener("change", arrange);
  arrange();
}

/** What the writer of the page says of all photos: what is wrong, and a table of figures. */
function prepareFigures() {
  byId("warnings").append(...head.warnings.map((text) =>
    el("li", {}, text[0].toUpperCase() + text.slice(1))));
  byId("warnings").hidden = head.warnings.length === 0;
  const figures = byId("figures");
  figures.hidden = head.summary.length === 0;
  figures.open = head.summary.length <= 6; // more would push the photos off the screen
  figures.querySelector("summary").textContent = `Figures (${head.summary.length})`;
  figures.querySelector("dl").append(...head.summary.flatMap(([what, value]) =>
    [el("dt", {}, what), el("dd", {}, value)]));
}

/** What all words together say. */
function totals() {
  const sum = (key) => head.photos.reduce((total, row) => total + row[key], 0);
  const words = sum("words") || 1;
  const all = plural(sum("words"), "word");
  return ["supported", "weak", "contradicted", "guessed"].map((key) =>
    el("div", {}, el("dt", {}, `words ${key}`),
      el("dd", {}, share(sum(key) / words), el("small", {}, `${sum(key)} of ${all}`))));
}

// Each order: what is compared, ties in the original order; what is not known comes last.
const orders = {
  original: (row) => 0,
  effect: (row) => row.effect ?? Infinity,
  guessed: (row) => -row.guessed_content,
  logprob: (row) => row.logprob ?? Infinity,
};

/** Hide the cards that don't match the search and bring the others into order. */
function arrange() {
  const began = performance.now();
  const wanted = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const order = byId("sort").value;
  const sorted = [...cards];
  if (order === "name") {
    const collator = new Intl.Collator(undefined, { numeric: true });
    sorted.sort((a, b) => collator.compare(a.row.name, b.row.name));
  } else {
    const key = orders[order];
    sorted.sort((a, b) => {
      const [first, second] = [key(a.row), key(b.row)];
      return first === second ? a.place - b.place : first - second;
    });
  }
  let found = 0;
  for (const card of sorted) {
    card.node.hidden = !wanted.every((part) => card.hay.includes(part));
    found += card.node.hidden ? 0 : 1;
  }
  byId("cards").append(...sorted.map((card) => card.node));
  const all = plural(cards.length, "photo");
  byId("count").textContent = found === cards.length ? all : `${found} of ${all}`;
  byId("count").dataset.milliseconds = (performance.now() - began).toFixed(2);
}
