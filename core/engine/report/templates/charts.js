"use strict";
// The charts of a report: each function draws into a place. `Plot` is Observable Plot.
const pluxelCharts = (() => {
  const { all, byId, data, element, percent, plural, short } = pluxel;
  const BLUE = "#0072b2", ORANGE = "#d55e00";
  const plain = { style: { background: "none", color: "currentColor" } };
  const widthOf = (place) => Math.max(280, place.clientWidth); // narrower ones are scaled
  const headOf = (place) => data.heads[place.dataset.head];

  const smoothed = (values, weight) => {
    let mean = null, sum = 0, total = 0;
    return values.map((value) => {
      if (value == null) return null;
      sum = weight * sum + (1 - weight) * value;
      total = weight * total + (1 - weight); // corrects the start, as in Adam
      mean = sum / total;
      return mean;
    });
  };

  const series = (place) => {
    const { group } = place.dataset;
    const isLoss = group === "loss"; // scores have few points, and the last ones count
    const weight = isLoss ? Number(byId("smoothing").value) / 100 : 0;
    const one = byId("scalar").value;
    const shown = data.series.filter((s) => (group === "one" ? s.name === one : s.group === group));
    if (!shown.length) {
      return element("p", {}, group === "score" ? "no evaluation yet" : "nothing logged yet");
    }
    const points = (smooth) => shown.flatMap(({ title, steps, values }) => {
      const drawn = smooth ? smoothed(values, weight) : values;
      return steps.map((step, at) => ({ step, title, value: drawn[at] }));
    });
    const drawn = points(weight > 0), few = Math.max(...shown.map((s) => s.steps.length)) < 30;
    const channels = { x: "step", y: "value", z: "title", stroke: "title" };
    const marks = [
      Plot.ruleX(data.phases,
        { x: "step", stroke: "currentColor", strokeDasharray: "2,4", title: "name" }),
      Plot.text(data.phases,
        { x: "step", text: "name", frameAnchor: "top", textAnchor: "start", dx: 3 }),
      Plot.lineY(drawn, channels),
      few ? Plot.dot(drawn, { ...channels, r: 2 }) : null,
      Plot.tip(drawn, Plot.pointer({ ...channels, title: (d) =>
        `${d.title}${weight > 0 ? ", smoothed" : ""}\nstep ${d.step}: ` +
        d3.format(".4~g")(d.value) })),
    ];
    if (weight > 0) marks.push(Plot.lineY(points(false), { ...channels, strokeOpacity: 0.3 }));
    return Plot.plot({
      ...plain, width: widthOf(place), height: 280, marginLeft: 55, color: { legend: true },
      x: { label: "step" },
      y: { label: null, grid: true, zero: group === "rate", nice: true },
      marks,
    });
  };

  const confusion = (place) => {
    const { classes, confusion: { shown, pixels, labeled, predicted } } = headOf(place);
    const count = shown.length, places = d3.range(count * count);
    const mode = all(".confusion-mode").find((s) => s.dataset.head === place.dataset.head).value;
    const isCounts = mode === "counts";
    const rowOf = (at) => Math.floor(at / count);
    const cells = places.map((at) => {
      const row = rowOf(at), column = at % count;
      return pixels[row][column] /
        (isCounts ? 1 : mode === "truth" ? labeled[row] : predicted[column]);
    });
    const side = Math.min(widthOf(place), Math.max(300, 120 + 34 * count), 900);
    const isFew = count <= 20, name = (at) => short(classes[shown[at]] ?? "", 15);
    const longest = Math.max(...d3.range(count).map((at) => name(at).length));
    const margin = isFew ? 24 + 6.5 * longest : 20;
    const share = (found) =>
      (found < 0.005 ? (found ? "<1" : "0") : (100 * found).toFixed(0));
    const text = (at) => {
      const found = cells[at];
      if (Number.isNaN(found)) return "";
      return isCounts ? (found ? d3.format(".2~s")(found) : "0") : share(found);
    };
    const most = isCounts ? Math.max(1, d3.max(cells.filter(Number.isFinite)) ?? 1) : 1;
    const isDark = (at) =>
      (isCounts ? Math.log1p(cells[at]) / Math.log1p(most) : cells[at]) > 0.55;
    const axis = {
      ticks: isFew ? d3.range(count).map((at) => at + 0.5) : [],
      tickFormat: (at) => name(at - 0.5), tickSize: 0, domain: [0, count],
    };
    const chart = Plot.plot({
      ...plain, width: side, height: side,
      marginLeft: margin, marginBottom: margin, marginTop: 20, marginRight: 10,
      x: { ...axis, label: "prediction →", tickRotate: -90 },
      y: { ...axis, label: "↓ truth", reverse: true },
      color: {
        scheme: "blues", type: isCounts ? "symlog" : isFew ? "linear" : "sqrt",
        domain: [0, most], unknown: "#8883",
      },
      marks: [
        Plot.raster(cells, {
          width: count, height: count, x1: 0, y1: 0, x2: count, y2: count, fill: (d) => d,
          imageRendering: "pixelated" }),
        isFew ? Plot.text(places, {
          x: (at) => (at % count) + 0.5, y: (at) => rowOf(at) + 0.5, text,
          fill: (at) => (isDark(at) ? "white" : "black"), fontSize: 10 }) : null,
      ],
    });
    const status = element("p");
    const svg = chart.tagName.toLowerCase() === "svg" ? chart : chart.querySelector("svg");
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect(), scale = side / box.width;
      const inverse = (name, at) => Math.floor(chart.scale(name).invert(at * scale));
      const column = inverse("x", event.clientX - box.left);
      const row = inverse("y", event.clientY - box.top);
      const found = pixels[row]?.[column];
      if (found === undefined) return;
      status.textContent =
        `${classes[shown[row]]} predicted as ${classes[shown[column]]}: ` +
        `${plural(found, "pixel")}, ` +
        `${percent(found / (labeled[row] || NaN))} of the true class, ` +
        `${percent(found / (predicted[column] || NaN))} of the predicted class`;
    });
    return element("div", {}, chart, status);
  };

  const images = (place) => {
    const { histogram, median } = headOf(place).images;
    const bars = histogram.map(([low, count]) => ({ low, high: low + 0.05, count }));
    return Plot.plot({
      ...plain, width: widthOf(place), height: 280,
      x: { label: "mean IoU of an image, %", domain: [0, 100] },
      y: { label: "images", grid: true },
      marks: [
        Plot.rectY(bars, {
          x1: (d) => 100 * d.low, x2: (d) => 100 * d.high, y: "count", fill: BLUE, inset: 0.5,
          tip: { format: { y: true, x: false } } }),
        median == null ? null : Plot.ruleX([100 * median], { stroke: ORANGE, strokeWidth: 2 }),
      ],
    });
  };

  const sizes = (place) => {
    const { classes, means } = headOf(place).sizes;
    return Plot.plot({
      ...plain, width: widthOf(place), height: 240, marginLeft: 60,
      x: { label: "IoU, %", domain: [0, 100], grid: true },
      y: { domain: ["small", "medium", "large"], label: null },
      marks: [
        Plot.barX(means, { x: (d) => 100 * d.iou, y: "size", fill: BLUE, fillOpacity: 0.35 }),
        Plot.dot(classes, {
          x: (d) => 100 * d.iou, y: "size", r: 4, stroke: BLUE, tip: true,
          fill: (d) => (d.compared ? BLUE : "none"),
          title: (d) => `${d.class}: ${percent(d.iou)}, ${plural(d.pixels, "pixel")}`,
        }),
      ],
    });
  };

  const reliability = (place) => {
    const { bins } = headOf(place).reliability;
    const title = (d) =>
      `confidence ${percent(d.low)} to ${percent(d.high)}: ${percent(d.accuracy)} correct, ` +
      `mean confidence ${percent(d.confidence)}, ${percent(d.fraction)} of all pixels`;
    const range = { x1: (d) => 100 * d.low, x2: (d) => 100 * d.high };
    const mean = (d) => 100 * d.confidence;
    return Plot.plot({
      ...plain, width: widthOf(place), height: 280,
      x: { label: "confidence, %", domain: [0, 100] },
      y: { label: "correct, %", domain: [0, 100], grid: true },
      marks: [
        Plot.line([[0, 0], [100, 100]], { stroke: "currentColor", strokeDasharray: "4,4" }),
        Plot.rect(bins, {
          ...range, y1: 0, y2: (d) => 100 * d.accuracy, fill: BLUE, fillOpacity: 0.7,
          insetLeft: 0.5, insetRight: 0.5, title, tip: true }),
        Plot.link(bins, { ...range, y1: mean, y2: mean, stroke: ORANGE, strokeWidth: 2 }),
      ],
    });
  };

  return { series, confusion, images, sizes, reliability };
})();
