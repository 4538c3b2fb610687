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

/** A probability for people, from its logarithm: "83 %", "0.4 %", "<0.1 %". */
function percent(logprob) {
  if (!known(logprob)) return "not known";
  const value = 100 * Math.exp(Math.min(0, logprob));
  if (value < 0.1) return "<0.1 %";
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} %`;
}
const share = (value) => (known(value) ? `${Math.round(100 * value)} %` : "not known");
const times = (value) =>
  known(value) ? `${value.toFixed(value < 9.95 ? 1 : 0)}\u00a0×` : "not known";
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

/** The mark before a verdict: filled, half, empty. The word beside it says the same. */
const mark = (verdict) => el("span", { className: `mark ${verdict}`, ariaHidden: "true" });

const MAPS = ["attention", "gradient", "occlusion"];
const head = JSON.parse(byId("head").textContent);

/** What is shown now. `word` is chosen; `preview` is the word under the mouse, or null. */
const state = {
  photo: null,
  place: -1, // of the photo in head.photos
  sentence: 0,
  word: 0,
  preview: null,
  map: "attention",
  opacity: 1,
  blur: head.blur, // of a cell
  scale: "own",
  colours: Object.keys(head.colours)[0],
  rival: 0, // which "why not?" of the chosen word
};
const sentence = () => state.photo.sentences[state.sentence];
const shown = () => state.preview ?? state.word;
