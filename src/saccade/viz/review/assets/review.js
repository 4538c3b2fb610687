// Captions to go through. All text goes in as text nodes, never as HTML.

const byId = (id) => document.getElementById(id);
const rows = JSON.parse(byId("rows").textContent);
const cards = rows.map(card);
let saved = "";

function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  Object.assign(node, properties);
  node.append(...children.filter((child) => child !== null));
  return node;
}

function card(row) {
  const text = el("textarea", { value: row.text, spellcheck: true, rows: 3 });
  text.setAttribute("aria-label", `Caption of ${row.name}`);
  const ticked = el("input", { type: "checkbox" });
  const undo = el("button", { type: "button", textContent: "Undo", hidden: true });
  const image = el("img", { alt: "", loading: "lazy", decoding: "async" });
  if (row.thumb) image.src = `data:image/jpeg;base64,${row.thumb}`;
  const doubt = row.doubtful.length
    ? el("small", {}, "Doubtful: ", ...row.doubtful.flatMap((word, at) =>
      [at ? ", " : null, el("mark", { textContent: word })]).filter((part) => part !== null))
    : null;
  const node = el("li", {}, el("span", { className: "thumb" }, image), text, doubt,
    el("div", { className: "row" }, el("label", {}, ticked, "Reviewed"), undo),
    el("small", { textContent: row.name }));
  const change = () => {
    const differs = text.value !== row.text;
    node.classList.toggle("changed", differs);
    undo.hidden = !differs;
    node.classList.toggle("review", row.review === true && !ticked.checked);
    count();
  };
  text.addEventListener("input", () => { ticked.checked = text.value !== row.text; change(); });
  ticked.addEventListener("change", change);
  undo.addEventListener("click", () => {
    text.value = row.text;
    ticked.checked = false;
    change();
    text.focus();
  });
  node.classList.toggle("review", row.review === true);
  return { row, node, text, ticked };
}

/** What the edits' file says of each card that is changed or ticked. */
function edits() {
  return cards.filter((c) => c.ticked.checked || c.text.value !== c.row.text).map((c) => ({
    sha256: c.row.key, photo: c.row.name, before: c.row.text,
    caption: c.text.value.replace(/\s+/g, " ").trim(), reviewed: true,
  }));
}

function count() {
  const open = cards.filter((c) => c.row.review === true);
  const left = open.filter((c) => !c.ticked.checked && c.text.value === c.row.text).length;
  const changed = edits();
  const shown = cards.filter((c) => !c.node.hidden).length;
  byId("count").textContent = `${shown} of ${cards.length} captions shown; ${left} of ` +
    `${open.length} still to review; ${changed.length} changed or ticked`;
  byId("save").disabled = changed.length === 0;
}

function arrange() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const show = byId("show").value;
  for (const { row, node, text, ticked } of cards) {
    const all = `${text.value} ${row.name}`.toLowerCase();
    const touched = ticked.checked || text.value !== row.text;
    node.hidden = !words.every((word) => all.includes(word)) ||
      (show === "open" && row.review !== true && !touched) || (show === "changed" && !touched);
  }
  count();
}

byId("save").addEventListener("click", () => {
  const text = edits().map((edit) => `${JSON.stringify(edit)}\n`).join("");
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  el("a", { href: address, download: "edits.jsonl" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  saved = text;
});
addEventListener("beforeunload", (event) => {
  const text = edits().map((edit) => `${JSON.stringify(edit)}\n`).join("");
  if (text !== saved) event.preventDefault();
});
byId("search").addEventListener("input", arrange);
byId("show").addEventListener("change", arrange);
if (!rows.some((row) => row.review === true)) byId("show").value = "all";
const order = (c) => (c.row.review === true ? 0 : 1);
cards.sort((a, b) => order(a) - order(b));
byId("cards").append(...cards.map((c) => c.node));
arrange();
