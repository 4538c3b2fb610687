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
    const button = el("button", { type: "button" }, item.other.word);
    button.setAttribute("aria-pressed", String(item === chosen));
    button.addEventListener("click", () => {
      state.rival = i;
      renderInstead();
      byId("instead").querySelectorAll(".pick button")[i].focus();
    });
    return button;
  }));
  target.replaceChildren(...[
    el("h3", { tabIndex: -1 }, `Why “${chosen.said.word}” and not “${chosen.other.word}”?`),
    picks,
    el("div", { className: "compared" },
      el("div", { className: "sides" }, side(chosen.said, "said"), side(chosen.other, "not said")),
      comparison(chosen)),
  ].filter(Boolean));
  drawSides();
}

function side(word, role) {
  const peak = peakOf(word, state.map, state.photo.geometry);
  const told = peak && peak.ratio !== null
    ? `${MAP_NAMES[state.map]}: peak at ${peak.place}, ${peakText(peak)}`
    : `${MAP_NAMES[state.map]}: not measured`;
  const picture = el("canvas", { className: "side-map", role: "img" });
  picture.setAttribute("aria-label", `${word.word}. ${told}`);
  picture.word = word;
  return el("div", { className: "side" }, picture, el("strong", {}, word.word),
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
    [`Verdict on the ${sentence().verdict_on} map`, (word) => word.verdict],
    [`Effect of covering the ${state.map} map, nats beside random`, effect],
  ];
  const column = (word) => el("th", { scope: "col" }, word.word);
  return el("table", {},
    el("thead", {}, el("tr", {}, el("td"), column(said), column(other))),
    el("tbody", {}, rows.map(([what, value]) =>
      el("tr", {}, el("th", { scope: "row" }, what),
        el("td", {}, value(said)), el("td", {}, value(other))))));
}
