"use strict";
// Builds the page from its data. All strings from a run become text, never markup.

const runs = JSON.parse(document.getElementById("data").textContent).runs;

/** Adds a card for each run to a container; `fill(run)` returns the card's children. */
function cards(container, fill) {
  for (const run of runs) {
    const card = make("div", { class: "run" });
    if (runs.length > 1) card.append(make("h3", {}, make("bdi", {}, run.name)));
    card.append(...fill(run));
    container.append(card);
  }
}

function table(caption, columns, rows) {
  const head = make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, name)));
  const body = rows.map((row) =>
    make("tr", {}, ...row.map((cell) => make("td", {}, cell))));
  const parts = [make("thead", {}, head), make("tbody", {}, ...body)];
  if (caption) parts.unshift(make("caption", {}, caption));
  const name = caption || "Table";
  const scroll = { class: "scroll", tabindex: "0", role: "region", "aria-label": name };
  return make("div", scroll, make("table", {}, ...parts));
}

const kimgText = (kimg) => `${Number(kimg.toPrecision(6))} kimg`;

// ---- growth: one slider moves through the pictures of all runs

const moments = [...new Set(runs.flatMap((run) => run.pictures.map((p) => p.kimg)))]
  .sort((a, b) => a - b);
let now = moments.length ? moments[moments.length - 1] : null;

/** Returns a run's last picture up to a moment, or its first one if all are later. */
function pictureAt(run, kimg) {
  return run.pictures.filter((p) => p.kimg <= kimg).pop() || run.pictures[0];
}

function framed(title, source, alternative) {
  const image = make("img", { src: source, alt: alternative });
  const frame = make("div", { class: "frame", tabindex: "0", role: "region", "aria-label": title });
  frame.append(image);
  const caption = make("figcaption", {}, title);
  return { figure: make("figure", {}, caption, frame), caption, image };
}

function buildGrowth() {
  const updates = [];
  cards($("pictures"), (run) => {
    if (!run.pictures.length) return [make("p", {}, "There are no pictures of this run.")];
    const pair = make("div", { class: "pair" });
    const fakes = framed("Fakes", run.pictures[0].src, "");
    pair.append(fakes.figure);
    if (run.reals) pair.append(framed("Reals", run.reals, "Grid of real images").figure);
    updates.push(() => {
      const picture = pictureAt(run, now);
      const size = `${picture.resolution}x${picture.resolution}`;
      const text = `${size}, ${kimgText(picture.kimg)}, ${picture.time}`;
      fakes.image.src = picture.src;
      fakes.image.alt = `Grid of images that the generator made: ${text}`;
      fakes.caption.textContent = `Fakes: ${text}`;
      return text;
    });
    return [pair];
  });
  if (!moments.length) {
    $("player").hidden = true;
    return;
  }
  const slider = $("moment");
  slider.max = moments.length - 1;
  slider.value = slider.max;
  const show = () => {
    now = moments[Number(slider.value)];
    const texts = updates.map((update) => update());
    const text = runs.length === 1 ? texts[0] : kimgText(now);
    slider.setAttribute("aria-valuetext", text);
    $("moment-text").textContent = text;
    charts.forEach((chart) => chart.redraw(false));
  };
  slider.addEventListener("input", show);
  show();
  buildPlayer(slider, show);
  $("actual-size").addEventListener("change", (event) =>
    $("pictures").classList.toggle("actual", event.target.checked));
}

function buildPlayer(slider, show) {
  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    $("play").textContent = "Play";
  };
  $("play").addEventListener("click", () => {
    if (timer) return stop();
    if (slider.value === slider.max) slider.value = 0;
    $("play").textContent = "Pause";
    show();
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (slider.value === slider.max) stop();
    }, 250);
  });
  slider.addEventListener("pointerdown", stop);
  slider.addEventListener("keydown", stop);
}

// ---- curves: a row for each chart, a column for each run; charts in a row have the same scales

let charts = [];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Shades segments in which a resolution fades in; marks all segments and the slider's moment. */
function segmentsPlugin(run) {
  const verticalLine = (u, kimg, width) => {
    const x = Math.round(u.valToPos(kimg, "x", true));
    if (x >= u.bbox.left && x <= u.bbox.left + u.bbox.width) {
      u.ctx.fillRect(x, u.bbox.top, width, u.bbox.height);
    }
  };
  return {
    hooks: {
      drawClear: (u) => {
        u.ctx.save();
        u.ctx.beginPath();
        u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
        u.ctx.clip();
        for (const segment of run.segments) {
          u.ctx.fillStyle = colour("--band");
          const [from, to] = [segment.start, segment.end].map((kimg) => u.valToPos(kimg, "x", true));
          if (segment.fading) u.ctx.fillRect(from, u.bbox.top, to - from, u.bbox.height);
          u.ctx.fillStyle = colour("--line");
          verticalLine(u, segment.start, devicePixelRatio);
        }
        labelSegments(u, run);
        u.ctx.restore();
      },
      draw: (u) => {
        if (now === null) return;
        u.ctx.fillStyle = colour("--now");
        verticalLine(u, Math.min(now, run.reached), 2 * devicePixelRatio);
      },
    },
  };
}

/** Writes the resolutions at the top of a chart, except those that would overlap. */
function labelSegments(u, run) {
  u.ctx.fillStyle = colour("--faint");
  u.ctx.font = `${11 * devicePixelRatio}px sans-serif`;
  u.ctx.textAlign = "left";
  u.ctx.textBaseline = "top";
  let free = -Infinity;
  for (const segment of run.segments.filter((s, i) => i === 0 || s.fading)) {
    const text = segment.label.split(" ")[0];
    const x = u.valToPos(segment.start, "x", true) + 3 * devicePixelRatio;
    const end = x + u.ctx.measureText(text).width;
    if (x < free || end > u.bbox.left + u.bbox.width) continue;
    u.ctx.fillText(text, x, u.bbox.top + 2 * devicePixelRatio);
    free = end + 4 * devicePixelRatio;
  }
}

/** Returns [least, greatest] value of all charts in a row, with a margin. */
function rangeOf(members) {
  const values = members.flatMap((chart) => chart.series.flatMap(known));
  const least = values.reduce((a, b) => Math.min(a, b));
  const greatest = values.reduce((a, b) => Math.max(a, b));
  const margin = (greatest - least || Math.abs(greatest) || 1) * 0.06;
  return [least - margin, greatest + margin];
}

const short = (value) => String(+value.toPrecision(4));
const known = (series) => series.values.filter((value) => value !== null);

function describe(chart) {
  return chart.series.map((series) => {
    const [first, last] = [known(series)[0], known(series).pop()];
    return `${series.label}: first ${short(first)}, last ${short(last)}`;
  }).join("; ");
}

/** Returns a series' text in the legend: its value at the pointer, else its last value. */
function legendText(series, value, index) {
  if (index === null || index === undefined) return short(known(series).pop());
  return value === null || value === undefined ? "-" : short(value);
}

function drawChart(run, chart, range, end, place) {
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 0.5 },
    ticks: { stroke: colour("--line") }, font: "12px sans-serif" };
  const few = chart.kimg.length < 40;
  const series = chart.series.map((s, i) => ({ label: s.label, stroke: colour(`--series-${i % 6}`),
    width: 1.75, spanGaps: true, dash: i >= 6 ? [6, 4] : undefined, points: { show: few, size: 5 },
    value: (u, value, series, index) => legendText(s, value, index) }));
  const options = {
    width: place.clientWidth, height: 220, plugins: [segmentsPlugin(run)],
    scales: { x: { time: false, range: [0, end] }, y: { range } },
    axes: [axis, { ...axis, size: 72, values: (u, ticks) => ticks.map(short) }],
    series: [{ label: "kimg", value: (u, value) => (value === null ? "last" : short(value)) }, ...series],
    cursor: { sync: { key: "runs" }, drag: { x: false, y: false } },
  };
  const plot = new uPlot(options, [chart.kimg, ...chart.series.map((s) => s.values)], place);
  const canvas = place.querySelector("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${chart.title} of ${run.name}. ${describe(chart)}`);
  charts.push(plot);
}

function buildCharts() {
  charts.forEach((chart) => chart.destroy());
  charts = [];
  $("charts").replaceChildren();
  const titles = new Set(runs.flatMap((run) => run.charts.map((chart) => chart.title)));
  const end = Math.max(...runs.map((run) => run.reached), 0.001);
  $("charts").className = runs.length === 1 ? "runs" : "";
  const draws = []; // run when all places exist, since their number decides their widths
  for (const title of titles) {
    const found = runs.map((run) => run.charts.find((chart) => chart.title === title));
    const range = rangeOf(found.filter(Boolean));
    const row = make("div", { class: "runs" });
    $("charts").append(make("section", { class: "chart" }, make("h3", {}, title), row));
    runs.forEach((run, i) => {
      const plot = make("div");
      const name = runs.length > 1 ? [make("p", { class: "hint" }, make("bdi", {}, run.name))] : [];
      row.append(make("div", { class: "run" }, ...name, found[i] ? plot : "Not recorded in this run."));
      if (found[i]) draws.push(() => drawChart(run, found[i], range, end, plot));
    });
  }
  draws.forEach((draw) => draw());
  if (!titles.size) $("charts").append(make("p", {}, "No values have been recorded yet."));
}

// ---- tables and commands

function optionTables(run) {
  const option = (o) => make("div", {}, o.option, make("small", {}, o.text));
  const [differing, others] = [true, false].map((d) => run.options.filter((o) => o.differs === d));
  const rest = make("details", {}, make("summary", {}, `${others.length} options at their defaults`),
    table("", ["Option", "Value"], others.map((o) => [option(o), o.value])));
  const changes = run.changes.map((c) => [kimgText(c.kimg), c.option, c.old, c.new]);
  const log = changes.length
    ? table("Options changed during training", ["From", "Option", "Before", "After"], changes)
    : make("p", { class: "hint" }, "No option was changed during training.");
  const rows = differing.map((o) => [option(o), o.value, o.default]);
  const title = "Options that differ from the defaults";
  return [table(title, ["Option", "Value", "Default"], rows), log, rest];
}

function commandList(run) {
  if (!run.commands.length) {
    return [make("p", {}, "There is no command to offer: the data set and snapshots are missing.")];
  }
  return run.commands.map(({ text, command }) => {
    const code = make("code", {}, command);
    const copy = make("button", { type: "button", "aria-label": `Copy the command: ${text}` }, "Copy");
    copy.addEventListener("click", async () => {
      getSelection().selectAllChildren(code);
      await navigator.clipboard?.writeText(command).then(() => (copy.textContent = "Copied"), () => {});
    });
    return make("div", { class: "command" }, make("p", {}, text), make("div", {}, code, copy));
  });
}

function build() {
  document.title = runs.map((run) => run.name).join(", ");
  $("title").textContent = document.title;
  cards($("facts"), (run) => [
    make("dl", {}, ...run.facts.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)])),
  ]);
  buildGrowth();
  buildCharts();
  cards($("rates"), (run) => [
    table("Throughput of each segment", ["Segment", "kimg", "Minibatch", "Training time", "Images per second"],
      run.throughput.map((r) => [r.segment, r.kimg, r.minibatch, r.seconds, String(r.rate)])),
  ]);
  cards($("command-list"), commandList);
  cards($("option-tables"), optionTables);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", buildCharts);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) buildCharts();
    width = innerWidth;
  });
}

build();
