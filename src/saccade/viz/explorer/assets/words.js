// The caption as words: choose one with the mouse, a finger, the keys, or let them play.

const PACE = 1300; // milliseconds a word while playing
const player = { timer: 0 };

/** What a screen reader says of a word. */
function wordLabel(word) {
  const told = [word.word, `probability ${percent(word.logprob)}`];
  if (word.verdict) told.push(SEEN[word.seen].toLowerCase(), word.verdict);
  else told.push("not measured");
  if (word.doubtful) told.push(`doubtful: ${share(word.wrong)} likely to be wrong`);
  return told.join(", ");
}

function renderSentence() {
  const { words } = sentence();
  const rivals = new Set(sentence().instead.map((item) => item.place));
  const buttons = words.map((word, place) => {
    const verdict = word.verdict ?? "none";
    const button = el(
      "button",
      {
        type: "button",
        className: `word ${word.seen ?? ""}${word.doubtful ? " doubtful" : ""}`,
        ariaLabel: wordLabel(word) + (rivals.has(place) ? ", another word was measured here" : ""),
        tabIndex: -1,
      },
      whole("b", word.word, {}, rivals.has(place) ? el("sup", { ariaHidden: "true" }, "?") : null),
      el("small", {}, mark(verdict), word.verdict ?? "not measured"),
      el("small", {}, [percent(word.logprob), word.seen].filter(Boolean).join(" · ")),
      word.doubtful ? el("small", { className: "doubt" }, `doubt ${share(word.wrong)}`) : null,
      el("span", { className: "weight", ariaHidden: "true" }, el("i")),
    );
    button.addEventListener("click", () => {
      stop();
      choose(place);
    });
    button.addEventListener("focus", () => place !== state.word && choose(place, { focus: false }));
    button.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse" && !player.timer) preview(place);
    });
    button.addEventListener("pointerleave", () => preview(null));
    return button;
  });
  byId("sentence").replaceChildren(...(buttons.length ? buttons : [el("p", {}, "(no words)")]));
  byId("sentence").classList.toggle("dense", words.some((word) => word.glued));
  markWord();
}

function markWord() {
  for (const [place, button] of [...byId("sentence").querySelectorAll(".word")].entries()) {
    button.setAttribute("aria-current", String(place === state.word));
    button.tabIndex = place === state.word ? 0 : -1;
  }
}

/** Choose a word for good: the map glides to it, the evidence and the address follow. */
function choose(place, { focus = true, glide = true } = {}) {
  const { words } = sentence();
  if (!words.length) return;
  state.word = Math.min(words.length - 1, Math.max(0, place));
  state.preview = null;
  state.rival = 0;
  markWord();
  const group = byId("sentence");
  if (focus && group.contains(document.activeElement)) group.children[state.word].focus();
  showMap(glide);
  renderPanel();
  renderInstead();
  rememberPlace();
  announce();
}

/** Show a word while the mouse is on it. */
function preview(place) {
  const next = place === state.word ? null : place;
  if (state.preview === next) return;
  state.preview = next;
  showMap();
  renderPanel();
}

/** Tell the chosen word and its verdict to a screen reader. */
function announce() {
  const word = sentence().words[state.word];
  const told = [`${wordLabel(word)}.`, word.reason ?? "", byId("map").getAttribute("aria-label")];
  byId("live").textContent = told.filter(Boolean).join(" ");
}

/** Small bars on the words: how much of each word's map fell on a cell. */
function weighWords(cell) {
  const group = byId("sentence");
  const { words } = sentence();
  const maps = words.map((word) => mapOf(word, state.map));
  const some = cell !== null && maps.some(Boolean);
  group.classList.toggle("weighing", some);
  const here = byId("here");
  if (!some) {
    const invitation = "Point at the photo, or tap it, to see which words looked there.";
    here.textContent = words.length ? invitation : "";
    return;
  }
  const { grid: [, width], count, regions } = state.photo.geometry;
  const at = cell[0] * width + cell[1];
  const highest = Math.max(...maps.filter(Boolean).map((map) => Math.max(...map)));
  const found = [];
  for (const [place, map] of maps.entries()) {
    const bar = group.children[place].querySelector(".weight i");
    const weight = map ? map[at] : 0;
    bar.style.width = `${highest > 0 ? (100 * weight) / highest : 0}%`;
    if (map) found.push([weight * count, words[place].word]);
  }
  found.sort((a, b) => b[0] - a[0]);
  const told = found.slice(0, 3).flatMap(([ratio, word], i) =>
    [i ? ", " : "", whole("span", word), ` ${times(ratio)}`]);
  here.replaceChildren(
    `${regions ? "Here" : `Row ${cell[0] + 1}, column ${cell[1] + 1}`}, ` +
    "as multiples of uniform weights: ", ...told, ".",
  );
}

function stop() {
  clearTimeout(player.timer);
  player.timer = 0;
  byId("play").textContent = "Play";
}

function play() {
  if (player.timer) {
    stop();
    return;
  }
  const last = sentence().words.length - 1;
  if (last < 0) return;
  choose(state.word >= last ? 0 : state.word);
  byId("play").textContent = "Pause";
  const step = () => {
    if (state.word >= last) {
      stop();
      return;
    }
    choose(state.word + 1);
    player.timer = setTimeout(step, PACE);
  };
  player.timer = setTimeout(step, PACE);
}
