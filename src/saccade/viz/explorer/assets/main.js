// Opening photos, the address (#photo/word/beam), keys, and the start.

const many = head.photos.length > 1;
let pictureUrl = "";

/** The address of a photo, of a word in it (from 1), of a beam of it (from 1). */
function addressOf(place, word = 0, beam = 0) {
  const parts = [encodeURIComponent(head.photos[place].name)];
  if (word > 0 || beam > 0) parts.push(String(word + 1));
  if (beam > 0) parts.push(String(beam + 1));
  return `#${parts.join("/")}`;
}

const pixelsOf = (place) => byId(`pixels-${place}`).textContent;

/** The element of a photo, which a large file may not have come to yet. */
function arrived(id) {
  if (byId(id) || document.readyState !== "loading") return Promise.resolve(byId(id));
  return new Promise((resolve) => {
    document.addEventListener("DOMContentLoaded", () => resolve(byId(id)), { once: true });
  });
}

/** Read the address and show what it names. */
async function follow() {
  const parts = location.hash.slice(1).split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  const [name, word, beam] = parts;
  const place = name || !many ? head.photos.findIndex((row) => row.name === name) : -1;
  if (place < 0 && many) {
    showIndex();
    return;
  }
  await open(Math.max(0, place));
  const number = (text) => Math.max(0, (Number.parseInt(text, 10) || 1) - 1);
  const beams = state.photo.sentences.length;
  chooseBeam(Math.min(beams - 1, number(beam)), number(word), false);
}

function showIndex() {
  stop();
  const left = state.place;
  state.photo = null;
  state.place = -1;
  byId("photo").hidden = true;
  byId("index").hidden = false;
  document.title = head.title;
  if (left >= 0) cards[left].node.querySelector("a").focus();
}

async function open(place) {
  if (state.place === place && state.photo) return;
  stop();
  const moved = byId("index").hidden === false || state.photo !== null;
  const [data] = await Promise.all([arrived(`data-${place}`), arrived(`pixels-${place}`)]);
  const row = head.photos[place];
  const photo = JSON.parse(data.textContent);
  Object.assign(state, { photo, place, sentence: 0, word: 0, preview: null });
  Object.assign(drawn, { cells: null, lattices: {}, cell: null });
  const { geometry } = state.photo;
  byId("index").hidden = true;
  byId("photo").hidden = false;
  document.title = `${row.text} - ${head.title}`;
  byId("name").textContent = row.name;
  stage.style.setProperty("--w", geometry.width);
  stage.style.setProperty("--h", geometry.height);
  const picture = byId("picture");
  URL.revokeObjectURL(pictureUrl);
  pictureUrl = URL.createObjectURL(new Blob([bytes(pixelsOf(place))], { type: "image/jpeg" }));
  picture.alt = `The photo ${row.name}`;
  picture.onload = drawSides;
  picture.src = pictureUrl;
  const beamText = (item, i) =>
    `${item.typed ? "typed" : i + 1} · ${item.text || "(no words)"} · ${nats(item.logprob)}`;
  byId("beam").replaceChildren(...state.photo.sentences.map((item, i) =>
    el("option", { value: i }, beamText(item, i))));
  byId("beam-label").hidden = state.photo.sentences.length < 2;
  prepareMaps();
  renderSettings();
  byId("previous").disabled = place === 0;
  byId("next").disabled = place === head.photos.length - 1;
  byId("saved").textContent = "";
  window.scrollTo(0, 0);
  if (moved) byId("name").focus({ preventScroll: true });
}

/** How it was measured, and what this file keeps of it; what the model could not see. */
function renderSettings() {
  const { geometry: { width, height, box, grid }, settings } = state.photo;
  const text = (value) => (Array.isArray(value) ? value.join(", ")
    : typeof value === "object" ? JSON.stringify(value) : String(value));
  const tidy = ([name, value]) => [name.replaceAll("_", " "), text(value)];
  const rows = Object.entries(settings).map(tidy);
  if (state.photo.pixels) rows.push(["pixels instead of cells", state.photo.pixels]);
  const region = box.map((edge) => Math.round(edge)).join(", ");
  rows.push(
    ["photo", `${width} × ${height} pixels; here with a long side of at most ${head.long_side}`],
    ["grid", `${grid[0]} × ${grid[1]} cells on the region ${region} of the photo`],
    ["maps in this file", "256 steps from 0 to each peak: a cell is off by at most 1/510 of it"],
  );
  byId("settings").replaceChildren(
    ...rows.flatMap(([what, value]) => [el("dt", {}, what), el("dd", {}, value)]),
  );
  const [x0, y0, x1, y1] = box;
  const overlap = (low, high, size) => Math.max(0, Math.min(high, size) - Math.max(low, 0));
  const unseen = 1 - (overlap(x0, x1, width) * overlap(y0, y1, height)) / (width * height);
  byId("outside").hidden = unseen < 0.005;
  byId("outside").textContent =
    `The dark edges, ${share(unseen)} of the photo, were cut off before the model saw it.`;
}

/** Show a beam (0: the best), at one of its words. */
function chooseBeam(beam, word = 0, glide = true) {
  stop();
  Object.assign(state, { sentence: beam, word, preview: null });
  byId("beam").value = String(beam);
  renderMaps();
  renderSentence();
  chooseCell(null);
  if (sentence().words.length) choose(word, { glide });
  else {
    showMap(false);
    renderPanel();
    renderInstead();
  }
}

const BUTTONS = 5; // more maps are a list to choose from

/** What chooses a map: buttons, or a list where there are many maps. */
function prepareMaps() {
  const { maps, absent } = state.photo;
  const listed = maps.length > BUTTONS;
  const choices = byId("maps");
  const legend = choices.querySelector("legend");
  choices.replaceChildren(legend, ...listed
    ? [el("select", { id: "map-list", ariaLabel: "Map" },
        maps.map(([name, label]) => el("option", { value: name }, label)))]
    : maps.map(([name, label]) =>
        el("label", {}, el("input", { type: "radio", name: "map", value: name }),
          el("span", {}, label))));
  for (const input of choices.querySelectorAll("input, select")) {
    input.addEventListener("change", () => chooseMap(input.value));
  }
  choices.classList.toggle("listed", listed);
  byId("absent").textContent = absent.map(([name, why]) => `No map “${name}”: ${why}.`).join(" ");
  byId("absent").hidden = absent.length === 0;
}

/** Maps that were not measured for this sentence can't be chosen. */
function renderMaps() {
  const names = state.photo.maps.map(([name]) => name);
  const has = (kind) => sentence().words.some((word) => word.maps[kind]);
  if (!names.includes(state.map) || !has(state.map)) state.map = names.find(has) ?? names[0] ?? "";
  for (const item of document.querySelectorAll("#maps :is(input, option)")) {
    item.disabled = !has(item.value);
    const title = item.disabled ? "not measured for this beam" : "";
    if (item.matches("option")) {
      item.selected = item.value === state.map;
      item.title = title;
    } else {
      item.checked = item.value === state.map;
      item.parentElement.title = title;
    }
  }
  byId("verdict-on").textContent = labelOf(sentence().verdict_on);
}

function chooseMap(kind) {
  state.map = kind;
  renderMaps();
  showMap();
  renderPanel();
  renderInstead();
  if (drawn.cell) weighWords(drawn.cell);
  announce();
}

function turn(by) {
  const next = state.place + by;
  if (next >= 0 && next < head.photos.length) location.hash = addressOf(next);
}

/** Keep the address in step, without filling the browser's history with words. */
function rememberPlace() {
  const address = addressOf(state.place, state.word, state.sentence);
  try {
    if (location.hash !== address) history.replaceState(null, "", address);
  } catch {
    // Some browsers refuse more than a few changes a second; the next one will do.
  }
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const { target, key } = event;
  if (target.matches("input[type=search], input[type=range], select")) {
    if (key === "Escape") target.blur();
    return;
  }
  if (!state.photo) {
    if (key === "/") {
      event.preventDefault();
      byId("search").focus();
    }
    return;
  }
  const radio = target.matches("input[type=radio]");
  const control = radio || (target.matches("button, a, summary") && !target.matches(".word"));
  const beams = state.photo.sentences.length;
  const last = sentence().words.length - 1;
  const moves = { ArrowLeft: state.word - 1, ArrowRight: state.word + 1, Home: 0, End: last };
  if (key in moves && !radio) {
    stop();
    choose(moves[key]);
  } else if (key === " " && !control) play();
  else if (key >= "1" && key <= "9" && key.length === 1) {
    const item = document.querySelectorAll("#maps :is(input, option)")[key - 1];
    if (item && !item.disabled) chooseMap(item.value);
  } else if (key === "b" && beams > 1) chooseBeam((state.sentence + 1) % beams, state.word);
  else if (key === "[" || key === "]") turn(key === "[" ? -1 : 1);
  else if (key === "Escape" && many) location.hash = "";
  else return;
  event.preventDefault();
}

function start() {
  byId("colours").replaceChildren(
    ...Object.keys(head.colours).map((name) => el("option", { value: name }, name)),
  );
  const hundredth = (text) => Number(text) / 100;
  const looks = { opacity: hundredth, blur: hundredth, scale: String, colours: String };
  for (const [name, read] of Object.entries(looks)) {
    byId(name).addEventListener("input", (event) => {
      state[name] = read(event.target.value);
      showMap(false);
      drawSides();
    });
  }
  byId("beam").addEventListener("change", (event) => {
    chooseBeam(Number(event.target.value), state.word);
  });
  byId("play").addEventListener("click", play);
  byId("previous").addEventListener("click", () => turn(-1));
  byId("next").addEventListener("click", () => turn(1));
  for (const button of document.querySelectorAll("[data-save]")) {
    button.addEventListener("click", () => save(button.dataset.save));
  }
  for (const id of ["back", "previous", "next"]) byId(id).hidden = !many;
  byId("looks").open = window.innerWidth > 940;
  prepareStage();
  if (many) prepareIndex();
  window.addEventListener("hashchange", follow);
  document.addEventListener("keydown", onKey);
  follow();
}

start();
