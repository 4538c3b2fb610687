// Charts as inline SVG, drawn to a fixed size and scaled with the page.

/** Round steps that divide a range into about `count` parts. */
function ticks(low, high, count = 4) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((part) => part * power).find((part) => part >= raw * 0.999);
  const found = [];
  const first = Math.ceil(low / step - 1e-9) * step;
  for (let value = first; value <= high + step * 1e-6; value += step) {
    found.push(Math.abs(value) < step * 1e-6 ? 0 : value);
  }
  return found;
}
const lineClass = (control) => (control ? "line control" : "line");
const tickText = (value) => minus(String(Number(value.toFixed(2))));

/** A word's log-probability while more and more cells are covered or uncovered, beside random
 * orders. lines: [{values, control, name}]. */
function curveChart(shares, lines, xLabel, range) {
  const [width, height] = [340, 200];
  const box = { left: 56, right: 12, top: 10, bottom: 40 };
  const [low, high] = range;
  const last = shares.at(-1) || 1;
  const x = (value) => box.left + (value / last) * (width - box.left - box.right);
  const tall = height - box.top - box.bottom;
  const y = (value) => box.top + ((high - value) / (high - low || 1)) * tall;
  const across = { x1: box.left, x2: width - box.right };
  const middle = { "text-anchor": "middle" };
  const parts = [];
  for (const value of ticks(low, high)) {
    parts.push(
      svg("line", { class: "axis", ...across, y1: y(value), y2: y(value) }),
      svg("text", { x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, tickText(value)),
    );
  }
  for (const value of ticks(0, last)) {
    parts.push(
      svg("text", { x: x(value), y: height - box.bottom + 15, ...middle }, tickText(100 * value)),
    );
  }
  parts.push(
    svg("line", { class: "base", ...across, y1: y(low), y2: y(low) }),
    svg("text", { x: (across.x1 + across.x2) / 2, y: height - 6, ...middle }, xLabel),
    svg("text", { transform: `translate(11 ${box.top + tall / 2}) rotate(-90)`, ...middle },
      "log-probability, nats"),
  );
  for (const { values, control } of lines) {
    const points = values
      .map((value, i) => known(value) && `${x(shares[i]).toFixed(1)},${y(value).toFixed(1)}`)
      .filter(Boolean);
    parts.push(svg("polyline", { class: lineClass(control), points: points.join(" ") }));
  }
  // Names stand in the corner where the lines are not.
  const onRight = lines.flatMap(({ values }) => values.filter((value, i) =>
    known(value) && shares[i] >= last / 2));
  const average = onRight.reduce((sum, value) => sum + value, 0) / (onRight.length || 1);
  const corner = average < (low + high) / 2 ? box.top + 12 : y(low) - 22;
  for (const [i, { control, name }] of lines.entries()) {
    const [right, level] = [width - box.right - 4, corner + 14 * i];
    parts.push(
      svg("line", { class: lineClass(control), x1: right - 22, x2: right, y1: level - 4,
        y2: level - 4 }),
      svg("text", { class: "ink", x: right - 28, y: level, "text-anchor": "end" }, name),
    );
  }
  const told = lines.map(
    ({ values, name }) => `${name}: ${fixed(values[0])} to ${fixed(values.at(-1))}`,
  );
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Log-probability in nats over ${xLabel}. ${told.join("; ")}.` }, parts);
}

/** Seen or guessed: the word's log-probability with the photo, with mean features, with a blank;
 * a bar spans what the photo adds. */
function seenChart(word) {
  const rows = [
    ["with the photo", word.logprob],
    ["mean features", word.without_mean],
    ["blank picture", word.without_blank],
  ];
  const values = rows.map(([, value]) => value).filter(known);
  const low = Math.min(-1, ...values) * 1.06;
  const [width, height, left, right, top, row] = [380, 142, 104, 52, 8, 32];
  const x = (value) => left + ((value - low) / -low) * (width - left - right);
  const bottom = top + 3 * row;
  const parts = [];
  for (const value of ticks(low, 0)) {
    parts.push(
      svg("line", { class: "axis", x1: x(value), x2: x(value), y1: top, y2: bottom }),
      svg("text", { x: x(value), y: bottom + 15, "text-anchor": "middle" }, tickText(value)),
    );
  }
  parts.push(svg("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" },
    "log-probability, nats"));
  for (const [i, [name, value]] of rows.entries()) {
    const middle = top + (i + 0.5) * row;
    parts.push(svg("text", { class: "ink", x: 0, y: middle + 4 }, name));
    if (!known(value)) {
      parts.push(svg("text", { x: left, y: middle + 4 }, "not measured"));
      continue;
    }
    const gain = word.logprob - value;
    if (i > 0) {
      const ends = [x(value), x(word.logprob)];
      parts.push(svg("rect", { class: gain >= 0 ? "bar" : "bar less", x: Math.min(...ends),
        y: middle - 6, width: Math.abs(ends[0] - ends[1]), height: 12 }));
    }
    parts.push(
      svg("circle", { class: i ? "dot less" : "dot", cx: x(value), cy: middle, r: 4.5 }),
      svg("text", { class: "ink", x: width, y: middle + 4, "text-anchor": "end" },
        fixed(value)),
    );
  }
  const told = rows.map(([name, value]) => `${name} ${nats(value)}`).join(", ");
  return svg("svg", { class: "chart seen", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Log-probability: ${told}.` }, parts);
}
