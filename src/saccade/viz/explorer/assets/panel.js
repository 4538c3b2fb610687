// The evidence for the word that is shown: beside the photo what comes first, beneath it the rest.

const SEEN = { seen: "Seen", partly: "Partly seen", guessed: "Guessed" };

function renderPanel() {
  const word = sentence().words[shown()];
  const panel = byId("panel");
  const more = byId("evidence");
  if (!word) {
    panel.replaceChildren();
    more.replaceChildren();
    return;
  }
  panel.replaceChildren(
    ...[heading(word), seenBlock(word), runnersBlock(word), figures(word)].filter(Boolean),
  );
  more.replaceChildren(...(word.verdict ? [...curveBlocks(word), agreementBlock(word)] : []));
}

function heading(word) {
  const place = `word ${shown() + 1} of ${sentence().words.length}`;
  const told = word.verdict
    ? el("div", { className: "verdict" },
        el("b", {}, mark(word.verdict), `${SEEN[word.seen]}; ${labelOf(sentence().verdict_on)}: ${word.verdict}`),
        el("span", {}, word.reason),
        known(word.chance)
          ? el("span", {}, ` Chance that the map's peak is on the thing: ${Math.round(100 * word.chance)}%.`)
          : null)
    : el("div", { className: "verdict unmeasured" },
        el("b", {}, mark("none"), "not measured"),
        el("span", {}, "The evidence for this beam was not measured; its probabilities and " +
          "attention are the model's own."));
  return el("section", {},
    el("div", { className: "said" },
      whole("strong", word.word),
      el("span", { className: "faint" }, `${percent(word.logprob)} · ${place}`)),
    told,
    shown() === state.word ? rivalButtons() : null);
}

/** Doors to "why not?", further down the page. */
function rivalButtons() {
  const rivals = rivalsHere();
  if (!rivals.length) return null;
  return el("div", { className: "pick" }, rivals.map((item, i) => {
    const button = el("button", { type: "button" }, "Why not ", quoted(item.other.word), "?");
    button.addEventListener("click", () => {
      state.rival = i;
      renderInstead();
      byId("instead").scrollIntoView({ behavior: still.matches ? "auto" : "smooth" });
      byId("instead").querySelector("h3").focus({ preventScroll: true });
    });
    return button;
  }));
}

function seenBlock(word) {
  if (!word.verdict) return null;
  const gains = [["mean features", word.without_mean], ["a blank", word.without_blank]]
    .filter(([, value]) => known(value))
    .map(([name, value]) => `${signed(word.logprob - value)} nats beside ${name}`);
  const sentences = {
    seen: "The photo makes this word likelier than language alone does",
    partly: "The photo adds something to what language alone says",
    guessed: "Language alone says this word about as well as with the photo",
  };
  // One way of taking the picture away leaves the word, the other does not.
  const gained = [word.without_mean, word.without_blank].map((value) => word.logprob - value);
  if (Math.min(...gained) < 0.25 && Math.max(...gained) >= 1) {
    const who = gained[0] < gained[1] ? "mean features say" : "a blank picture says";
    sentences.partly = sentences.guessed =
      `The two stand\u2011ins for no photo disagree: ${who} this word about as well`;
  }
  return el("section", { className: "block" },
    el("h3", {}, "Seen or guessed"),
    seenChart(word),
    el("p", {}, el("b", {}, SEEN[word.seen]), `. ${sentences[word.seen]}` +
      (gains.length ? `: ${gains.join(", ")}.` : ".")));
}

function runnersBlock(word) {
  // The list may hold the word itself, as beams' captions do.
  const others = word.runners_up
    .filter(([name]) => name !== word.word)
    .map((pair) => [...pair, false]);
  if (!others.length) return null;
  const rows = [[word.word, word.logprob, true], ...others];
  const items = rows.map(([name, logprob, said]) => {
    const bar = el("i");
    bar.style.width = `${100 * Math.exp(Math.min(0, logprob ?? -99))}%`;
    return el("li", { className: said ? "said-word" : "" },
      whole("span", name, { className: "name" }),
      el("span", { className: "track", ariaHidden: "true" }, bar),
      el("span", { className: "num" }, percent(logprob)));
  });
  return el("section", { className: "block" },
    el("h3", {}, "Said, and the runners-up"),
    el("ul", { className: "runners" }, items));
}

/** A table row: what, the figure, and the baseline it stands beside. */
const line = (what, value, beside = "") =>
  el("tr", {}, el("th", { scope: "row" }, what),
    el("td", { className: "num" }, value, beside ? el("small", {}, beside) : null));

function figures(word) {
  const { count } = state.photo.geometry;
  const peak = peakOf(word, state.map, state.photo.geometry);
  const entropy = known(word.entropy);
  const rows = [
    line("Log\u2011probability", nats(word.logprob)),
    line("Entropy", entropy ? nats(word.entropy) : "not measured",
      entropy ? `as open as ${Math.exp(word.entropy).toFixed(1)} equally likely words` : ""),
    ...known(word.wrong)
      ? [line("Doubt", share(word.wrong), `likely to be wrong${word.doubtful ? ": doubtful" : ""}`)] : [],
    ...known(word.beta)
      ? [line("Gate β", fixed(word.beta), "0 shuts the picture out, 1 lets it in")] : [],
    ...known(word.elsewhere)
      ? [line("Attention on no cell", share(word.elsewhere), "not on the map, nor in its colours")] : [],
  ];
  if (peak && peak.ratio !== null) {
    rows.push(
      line(`Peak (${labelOf(state.map)})`, peakText(peak),
        `${(peak.ratio / count).toPrecision(2)} beside 1/${count} = ${(1 / count).toPrecision(2)}`),
      line("Its entropy", nats(peak.entropy), `uniform: ${Math.log(count).toFixed(2)}`),
    );
  }
  return el("section", { className: "block" }, el("h3", {}, "Figures"),
    el("table", { className: "figures" }, el("tbody", {}, rows)));
}

/** Deletion and insertion for the map that is shown, on one scale. */
function curveBlocks(word) {
  const curves = word.curves[state.map];
  if (!curves) {
    return [el("section", { className: "block" }, el("h3", {}, "Deletion and insertion"),
      el("p", {}, `No curves were measured for this map (${labelOf(state.map)}).`))];
  }
  const all = ["deletion", "insertion", "random_deletion", "random_insertion"]
    .flatMap((name) => curves[name]).filter(known);
  const range = [Math.min(...all) - 0.05, Math.max(0, ...all)];
  const [value, low, high] = curves.effect;
  const chart = (title, name, label, note) =>
    el("section", { className: "block" },
      el("h3", {}, title),
      curveChart(curves.shares, [
        { values: curves[name], control: false, name: labelOf(state.map) },
        { values: curves[`random_${name}`], control: true, name: "random cells" },
      ], label, range),
      el("p", {}, "Area under the probability: ", el("b", {}, fixed(curves[`${name}_area`])),
        ` beside ${fixed(curves[`random_${name}_area`])} for random cells (${note}).`));
  const deletion = chart("Deletion: the highest cells covered first", "deletion",
    "cells covered, %", "lower is more faithful");
  deletion.append(el("p", {},
    "Covering its highest cells costs ", el("b", {}, `${signed(value)} nats`),
    " more than covering random ones (95% interval ", `${fixed(low)} to ${fixed(high)}`,
    "; 0: no better than chance)."));
  return [
    deletion,
    chart("Insertion: the highest cells uncovered first", "insertion", "cells uncovered, %",
      "higher is more faithful"),
  ];
}

function agreementBlock(word) {
  // Of many maps, the pairs with the one that is shown.
  const all = word.agreement;
  const pairs = all.length > 3 ? all.filter((pair) => pair.slice(0, 2).includes(state.map)) : all;
  const rows = pairs.map(([first, second, rank, overlap]) =>
    el("tr", {}, el("th", { scope: "row" }, `${labelOf(first)} and ${labelOf(second)}`),
      el("td", { className: "num" }, fixed(rank)), el("td", { className: "num" }, share(overlap))));
  const column = (text) => el("th", { scope: "col", className: "num" }, text);
  return el("section", { className: "block" },
    el("h3", {}, "Do the maps agree?"),
    pairs.length
      ? el("table", {},
          el("thead", {}, el("tr", {},
            el("td"), column("rank correlation"), column("top cells shared"))),
          el("tbody", {}, rows, el("tr", {},
            el("th", { scope: "row" }, "by chance"),
            el("td", { className: "num faint" }, "0"),
            el("td", { className: "num faint" }, "10%"))))
      : el("p", {}, "Agreement was not measured."),
    pairs.length ? el("p", {}, "Spearman's correlation over the cells; share of the top tenth of " +
      "the cells that both maps name.") : null);
}
