// Why not another word? Both words at one place, side by side.

const rivalsHere = () => sentence().instead.filter((item) => item.place === state.word);

function renderInstead() {
  const target = byId("instead");
  const rivals = rivalsHere();
  if (!rivals.length) {
    target.replaceChildren();
    return;
  }
  const chosen = rivals[Math.min(state.rival, rivals.length - 1)];
  const picks = el("div", { className: "pick", hidden: rivals.length < 2 }, rivals.map((item, i) => {
    const button = whole("button", item.other.word, { type: "button" });
    button.setAttribute("aria-pressed", String(item === chosen));
    button.addEventListener("click", () => {
      state.rival = i;
      renderInstead();
      byId("instead").querySelectorAll(".pick button")[i].focus();
    });
    return button;
  }));
  target.replaceChildren(...[
    el("h3", { tabIndex: -1 },
      "Why ", quoted(chosen.said.word), " and not ", quoted(chosen.other.word), "?"),
    picks,
    el("div", { className: "compared" },
      sides(chosen),
      el("div", { className: "scroll", tabIndex: 0 }, comparison(chosen))),
  ].filter(Boolean));
  drawSides();
}

/** Both words' maps, side by side where the longer word has the room. */
function sides({ said, other }) {
  const node = el("div", { className: "sides" }, side(said, "said"), side(other, "not said"));
  const longest = Math.max(...[said, other].map(({ word }) => widthOf(shortened(word))));
  node.style.setProperty("--em", longest.toFixed(3));
  return node;
}

function side(word, role) {
  const peak = peakOf(word, state.map, state.photo.geometry);
  const told = peak && peak.ratio !== null
    ? `${labelOf(state.map)}: peak at ${peak.place}, ${peakText(peak)}`
    : `${labelOf(state.map)}: not measured`;
  const picture = el("canvas", { className: "side-map", role: "img" });
  picture.setAttribute("aria-label", `${word.word}. ${told}`);
  picture.word = word;
  return el("div", { className: "side" }, picture, whole("strong", word.word),
    el("p", { className: "faint" }, `${role} · ${told}`));
}

/** The small pictures; again when the map, its look or the photo changes. */
function drawSides() {
  const { geometry } = state.photo;
  const grid = currentLattice();
  const photo = byId("picture");
  for (const picture of document.querySelectorAll(".side-map")) {
    const width = 520;
    const height = Math.max(1, Math.round((width * geometry.height) / geometry.width));
    Object.assign(picture, { width, height });
    const context = picture.getContext("2d");
    const cells = mapOf(picture.word, state.map);
    if (cells) {
      const { heat } = heatOf(cells, grid);
      paintHeat(context, geometry, grid, heat, topOf(picture.word), state.opacity, state.colours);
    }
    if (photo.complete && photo.naturalWidth) {
      context.globalCompositeOperation = "destination-over";
      context.drawImage(photo, 0, 0, picture.width, picture.height);
      context.globalCompositeOperation = "source-over";
    }
  }
}

function comparison({ said, other }) {
  const effect = (word) => {
    const found = word.curves[state.map]?.effect;
    if (!found) return "not measured";
    return `${signed(found[0])} (${fixed(found[1])} to ${fixed(found[2])})`;
  };
  const adds = (word) =>
    known(word.without_mean) ? `${signed(word.logprob - word.without_mean)} nats` : "not measured";
  const rows = [
    ["Probability", (word) => percent(word.logprob)],
    ["Log-probability", (word) => nats(word.logprob)],
    ["What the photo adds", adds],
    ["Seen or guessed", (word) => word.seen],
    [`Verdict (${labelOf(sentence().verdict_on)})`, (word) => word.verdict],
    [`Effect of covering the highest cells (${labelOf(state.map)}), nats beside random`, effect],
  ];
  const column = (word) => el("th", { scope: "col" }, whole("span", word.word));
  return el("table", {},
    el("thead", {}, el("tr", {}, el("td"), column(said), column(other))),
    el("tbody", {}, rows.map(([what, value]) =>
      el("tr", {}, el("th", { scope: "row" }, what),
        el("td", {}, value(said)), el("td", {}, value(other))))));
}
