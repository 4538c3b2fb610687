// Small things that every part uses. All text goes in as text nodes, never as HTML.

const byId = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** An element with properties, attributes where there is no such property, and children. */
function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else if (value !== null && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.flat());
  return node;
}

const LONGEST = 40; // letters of a word; more are cut, and the whole word is a title
const ruler = document.createElement("canvas").getContext("2d");
const widths = new Map();

/** How wide a text is drawn, in em. */
function widthOf(text) {
  if (!widths.has(text)) {
    ruler.font = "700 100px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
    widths.set(text, ruler.measureText(text).width / 100);
  }
  return widths.get(text);
}

/** A word, cut where it is absurdly long. */
function shortened(word) {
  const letters = [...word];
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join("")}…` : word;
}

/** A word that is never broken: the style makes its letters smaller where there is no room. */
function whole(tag, word, properties = {}, ...children) {
  const text = shortened(word);
  const title = text === word ? {} : { title: word };
  const node = el(tag, { ...title, ...properties }, text, ...children);
  node.classList.add("whole");
  node.style.setProperty("--em", Math.max(1, widthOf(text)).toFixed(3));
  return node;
}

const quoted = (word) => ["“", whole("span", word), "”"];

/** Base64 to bytes. */
function bytes(base64) {
  const text = atob(base64);
  const found = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) found[i] = text.charCodeAt(i);
  return found;
}

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);
const minus = (text) => text.replace("-", "−");
const rounded = (value) => Math.round(value * 100) / 100 || 0; // never −0
const fixed = (value) => (known(value) ? minus(rounded(value).toFixed(2)) : "not known");
const signed = (value) => (known(value) && rounded(value) >= 0 ? "+" : "") + fixed(value);
const nats = (value) => (known(value) ? `${fixed(value)} nats` : "not known");

/** A probability for people, from its logarithm: "83%", "0.4%", "<0.1%". */
function percent(logprob) {
  if (!known(logprob)) return "not known";
  const value = 100 * Math.exp(Math.min(0, logprob));
  if (value < 0.1) return "<0.1%";
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}%`;
}
const share = (value) => (known(value) ? `${Math.round(100 * value)}%` : "not known");
const times = (value) =>
  known(value) ? `${value.toFixed(value < 9.95 ? 1 : 0)}\u00a0×` : "not known";
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

/** The mark before a verdict: filled, half, empty. The word beside it says the same. */
const mark = (verdict) => el("span", { className: `mark ${verdict}`, ariaHidden: "true" });

const head = JSON.parse(byId("head").textContent);

/** What is shown now. `word` is chosen; `preview` is the word under the mouse, or null. */
const state = {
  photo: null,
  place: -1, // of the photo in head.photos
  sentence: 0,
  word: 0,
  preview: null,
  map: "", // its name
  opacity: 1,
  blur: head.blur, // of a cell
  scale: "own",
  colours: Object.keys(head.colours)[0],
  rival: 0, // which "why not?" of the chosen word
};
const sentence = () => state.photo.sentences[state.sentence];
const shown = () => state.preview ?? state.word;

/** A map's name for people; the file says which maps there are, and in what order. */
const labelOf = (kind) =>
  state.photo.maps.find(([name]) => name === kind)?.[1] ?? kind;
