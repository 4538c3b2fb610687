// All photos: cards made once, searched and sorted by moving and hiding them.

const cards = [];

/** A card's small print: the verdicts, and what the cards are sorted by. */
function told(row) {
  return [
    `${row.supported} of ${row.words} supported · ${row.guessed} guessed`,
    `${nats(row.logprob)} · mean effect ${signed(row.effect)}`,
    row.name,
  ].map((text) => el("small", {}, text));
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
        el("span", { className: "text" }, row.text || "(no words)"),
        told(row)));
    const card = { node, row, place, image, hay: `${row.text}\n${row.name}`.toLowerCase() };
    node.card = card;
    cards.push(card);
    watcher.observe(node);
  }
  byId("cards").append(...cards.map((card) => card.node));
  const rows = head.summary.map(([what, value]) =>
    el("div", {}, el("dt", {}, what), el("dd", {}, value)));
  byId("summary").replaceChildren(...(rows.length ? rows : totals()));
  byId("summary").hidden = false;
  byId("search").addEventListener("input", arrange);
  byId("sort").addEventListener("change", arrange);
  arrange();
}

/** What all words together say, when the writer of the page gave no summary. */
function totals() {
  const sum = (key) => head.photos.reduce((total, row) => total + row[key], 0);
  const words = sum("words") || 1;
  const all = plural(sum("words"), "word");
  return ["supported", "weak", "contradicted", "guessed"].map((key) =>
    el("div", {}, el("dt", {}, `words ${key}`),
      el("dd", {}, share(sum(key) / words), el("small", {}, `${sum(key)} of ${all}`))));
}

// Each order: what is compared, ties as given; what is not known comes last.
const orders = {
  given: (row) => 0,
  effect: (row) => row.effect ?? Infinity,
  guessed: (row) => -row.guessed,
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
