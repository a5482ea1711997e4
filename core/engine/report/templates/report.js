"use strict";
// Charts, sorting and pictures of a report. `Plot` is Observable Plot; `data` comes with the page.
{
  const { all, byId, data, element, legend, percent, short } = pluxel;
  const redraw = []; // functions that draw a chart again, when its place changes its width

  // -- tables ------------------------------------------------------------------------------------

  const { compare } = pluxelTables;
  for (const table of all("table.image-list")) {
    const { images } = data.heads[table.dataset.head], page = 100;
    let order = images.names.map((_, at) => at), shown = page;
    const body = element("tbody");
    const more = element("button", { textContent: "Show more" });
    const fill = () => {
      body.replaceChildren(...order.slice(0, shown).map((at) => element("tr", {},
        element("th", { scope: "row", textContent: images.names[at], title: images.names[at] }),
        element("td", { textContent: percent(images.mean_iou[at]) }))));
      more.hidden = shown >= order.length;
    };
    const keys = [images.names, images.mean_iou];
    const titles = ["image", "mean IoU"].map((name, column) => {
      const title = element("th", { scope: "col" }, element("button", { textContent: name }));
      title.setAttribute("aria-sort", column ? "ascending" : "none");
      title.firstChild.addEventListener("click", () => {
        const ascending = title.getAttribute("aria-sort") !== "ascending";
        for (const one of titles) one.setAttribute("aria-sort", "none");
        title.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        const byKey = compare(ascending ? 1 : -1);
        order.sort((one, other) => byKey(keys[column][one], keys[column][other]));
        fill();
      });
      return title;
    });
    more.addEventListener("click", () => { shown += 10 * page; fill(); });
    table.append(element("thead", {}, element("tr", {}, ...titles)), body);
    table.after(more);
    if (images.total > images.names.length) {
      more.after(element("p", { textContent: `${images.names.length.toLocaleString("en")} of ` +
        `${images.total.toLocaleString("en")} images: the worst, and some spread over the others.` }));
    }
    fill();
  }

  byId("only-set")?.addEventListener("change", (event) =>
    byId("configuration").classList.toggle("only-set", event.target.checked));

  // -- charts ------------------------------------------------------------------------------------

  const widthOf = (place) => Math.max(280, place.clientWidth); // narrower ones are scaled

  const plain = { style: { background: "none", color: "currentColor" } };

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

  const seriesChart = (place) => {
    const group = place.dataset.group;
    const isLoss = group === "loss"; // scores have few points, and the last ones count
    const weight = isLoss ? Number(byId("smoothing").value) / 100 : 0;
    const one = byId("scalar").value;
    const shown = data.series.filter((s) => (group === "one" ? s.name === one : s.group === group));
    const points = (smooth) => shown.flatMap((s) => {
      const values = smooth ? smoothed(s.values, weight) : s.values;
      return s.steps.map((step, at) => ({ step, name: s.name, value: values[at] }));
    });
    const drawn = points(weight > 0), few = Math.max(...shown.map((s) => s.steps.length)) < 30;
    const channels = { x: "step", y: "value", stroke: "name" };
    const marks = [
      Plot.ruleX(data.phases, { x: "step", stroke: "currentColor", strokeDasharray: "2,4", title: "name" }),
      Plot.text(data.phases, { x: "step", text: "name", frameAnchor: "top", textAnchor: "start", dx: 3 }),
      Plot.lineY(drawn, channels),
      few ? Plot.dot(drawn, { ...channels, r: 2 }) : null,
      Plot.tip(drawn, Plot.pointer({ ...channels, title: (d) =>
        `${d.name}${weight > 0 ? ", smoothed" : ""}\nstep ${d.step}: ${d3.format(".4~g")(d.value)}` })),
    ];
    if (weight > 0) marks.push(Plot.lineY(points(false), { ...channels, strokeOpacity: 0.3 }));
    return Plot.plot({
      ...plain, width: widthOf(place), height: 280, marginLeft: 55, color: { legend: true },
      x: { label: "step" }, y: { label: null, grid: true, zero: group === "rate", nice: true },
      marks,
    });
  };

  const confusionChart = (place) => {
    const head = data.heads[place.dataset.head], count = head.classes.length;
    const mode = document.querySelector(`.confusion-mode[data-head="${place.dataset.head}"]`).value;
    const rows = head.confusion.map((row) => row.reduce((a, b) => a + b, 0));
    const columns = head.classes.map((_, at) => head.confusion.reduce((sum, row) => sum + row[at], 0));
    const value = (row, column) => {
      const pixels = head.confusion[row][column];
      if (mode === "counts") return pixels;
      return pixels / (mode === "truth" ? rows[row] : columns[column]);
    };
    const cells = d3.range(count * count).map((at) => value(Math.floor(at / count), at % count));
    const side = Math.min(widthOf(place), Math.max(300, 120 + 34 * count), 900);
    const isFew = count <= 20, name = (at) => short(head.classes[at] ?? "", 15);
    const margin = isFew ? 24 + 6.5 * Math.max(...d3.range(count).map((at) => name(at).length)) : 20;
    const text = (at) => {
      const found = cells[at];
      if (Number.isNaN(found)) return "";
      return mode === "counts" ? (found ? d3.format(".2~s")(found) : "0") : found < 0.005 ? (found ? "<1" : "0") : (100 * found).toFixed(0);
    };
    const most = mode === "counts" ? Math.max(1, d3.max(cells.filter(Number.isFinite)) ?? 1) : 1;
    const axis = { ticks: isFew ? d3.range(count).map((at) => at + 0.5) : [], tickFormat: (at) => name(at - 0.5), domain: [0, count] };
    const isDark = (at) => (mode === "counts" ? Math.log1p(cells[at]) / Math.log1p(most) : cells[at]) > 0.55;
    const chart = Plot.plot({
      ...plain, width: side, height: side, marginLeft: margin, marginBottom: margin, marginTop: 20, marginRight: 10,
      x: { ...axis, label: "prediction →", tickRotate: -90, tickSize: 0 },
      y: { ...axis, label: "↓ truth", reverse: true, tickSize: 0 },
      color: { scheme: "blues", type: mode === "counts" ? "symlog" : isFew ? "linear" : "sqrt", domain: [0, most], unknown: "#8883" },
      marks: [
        Plot.raster(cells, { width: count, height: count, x1: 0, y1: 0, x2: count, y2: count, fill: (d) => d, imageRendering: "pixelated" }),
        isFew ? Plot.text(d3.range(count * count), {
          x: (at) => (at % count) + 0.5, y: (at) => Math.floor(at / count) + 0.5, text,
          fill: (at) => (isDark(at) ? "white" : "black"), fontSize: 10 }) : null,
      ],
    });
    const status = element("p");
    const svg = chart.tagName.toLowerCase() === "svg" ? chart : chart.querySelector("svg");
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect(), scale = side / box.width;
      const inverse = (axis, at) => Math.floor(chart.scale(axis).invert(at * scale));
      const column = inverse("x", event.clientX - box.left), row = inverse("y", event.clientY - box.top);
      if (row < 0 || column < 0 || row >= count || column >= count) return;
      const pixels = head.confusion[row][column];
      status.textContent = `${head.classes[row]} predicted as ${head.classes[column]}: ` +
        `${pixels.toLocaleString("en")} pixels, ${percent(pixels / (rows[row] || NaN))} of the true class, ` +
        `${percent(pixels / (columns[column] || NaN))} of the predicted class`;
    });
    return element("div", {}, chart, status);
  };

  const imagesChart = (place) => {
    const { images } = data.heads[place.dataset.head];
    const bars = images.histogram.map(([low, count]) => ({ low, high: low + 0.05, count }));
    return Plot.plot({
      ...plain, width: widthOf(place), height: 280,
      x: { label: "mean IoU of an image, %", domain: [0, 100] }, y: { label: "images", grid: true },
      marks: [
        Plot.rectY(bars, { x1: (d) => 100 * d.low, x2: (d) => 100 * d.high, y: "count", fill: "#0072b2", inset: 0.5, tip: { format: { y: true, x: false } } }),
        images.median == null ? null : Plot.ruleX([100 * images.median], { stroke: "#d55e00", strokeWidth: 2 }),
      ],
    });
  };

  const sizesChart = (place) => {
    const { sizes } = data.heads[place.dataset.head], order = ["small", "medium", "large"];
    const known = sizes.filter((d) => d.iou != null);
    const means = order.map((size) => ({ size, iou: d3.mean(known.filter((d) => d.size === size), (d) => d.iou) }));
    return Plot.plot({
      ...plain, width: widthOf(place), height: 240, marginLeft: 60,
      x: { label: "IoU, %", domain: [0, 100], grid: true }, y: { domain: order, label: null },
      marks: [
        Plot.barX(means.filter((d) => d.iou != null), { x: (d) => 100 * d.iou, y: "size", fill: "#0072b2", fillOpacity: 0.35 }),
        Plot.dot(known, {
          x: (d) => 100 * d.iou, y: "size", r: 4, fill: "#0072b2", tip: true,
          title: (d) => `${d.class}: ${percent(d.iou)}, ${d.pixels.toLocaleString("en")} pixels` }),
      ],
    });
  };

  const reliabilityChart = (place) => {
    const { bins } = data.heads[place.dataset.head].reliability;
    const title = (d) => `confidence ${percent(d.low)} to ${percent(d.high)}: ${percent(d.accuracy)} correct, ` +
      `mean confidence ${percent(d.confidence)}, ${percent(d.share)} of all pixels`;
    const range = { x1: (d) => 100 * d.low, x2: (d) => 100 * d.high };
    return Plot.plot({
      ...plain, width: widthOf(place), height: 280,
      x: { label: "confidence, %", domain: [0, 100] }, y: { label: "correct, %", domain: [0, 100], grid: true },
      marks: [
        Plot.line([[0, 0], [100, 100]], { stroke: "currentColor", strokeDasharray: "4,4" }),
        Plot.rect(bins, { ...range, y1: 0, y2: (d) => 100 * d.accuracy, fill: "#0072b2", fillOpacity: 0.7, insetLeft: 0.5, insetRight: 0.5, title, tip: true }),
        Plot.link(bins, { ...range, y1: (d) => 100 * d.confidence, y2: (d) => 100 * d.confidence, stroke: "#d55e00", strokeWidth: 2 }),
      ],
    });
  };

  const draw = { series: seriesChart, confusion: confusionChart, images: imagesChart, sizes: sizesChart, reliability: reliabilityChart };

  // Charts are drawn when they come into view: a page with many opens fast.
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      const again = () => target.replaceChildren(draw[target.dataset.chart](target));
      again();
      const caption = target.parentElement.querySelector("figcaption");
      for (const svg of target.querySelectorAll("svg")) {
        svg.setAttribute("role", "img");
        svg.setAttribute("aria-label", caption.firstChild.textContent.trim());
      }
      redraw.push([target, again]);
    }
  }, { rootMargin: "400px" });
  const places = all(".chart");
  for (const place of places) seen.observe(place);
  const drawAgain = (wanted = () => true) => {
    for (const [place, again] of redraw) if (wanted(place)) again();
  };
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) { width = innerWidth; drawAgain(); }
  });
  addEventListener("beforeprint", () => {
    for (const place of places) if (!place.firstChild) place.replaceChildren(draw[place.dataset.chart](place));
  });
  for (const select of all(".confusion-mode")) {
    select.addEventListener("change", () => drawAgain((place) => place.dataset.chart === "confusion"));
  }

  const scalar = byId("scalar");
  if (scalar) {
    for (const { name } of data.series) scalar.append(element("option", { value: name, textContent: short(name) }));
    const ofClass = data.series.find((s) => s.group === "class");
    if (ofClass) scalar.value = ofClass.name;
    scalar.addEventListener("change", () => drawAgain((place) => place.dataset.group === "one"));
    byId("smoothing").addEventListener("input", () =>
      drawAgain((place) => place.dataset.chart === "series"));
  }

  const panel = byId("panel");
  panel?.addEventListener("change", () =>
    all("#panels img").forEach((image, at) => { image.hidden = at !== Number(panel.value); }));

  // -- pictures ----------------------------------------------------------------------------------

  const HIT = [0, 158, 115], FALSE_POSITIVE = [213, 94, 0], FALSE_NEGATIVE = [0, 114, 178];
  const LAYERS = { input: "input", truth: "truth", predicted: "prediction", errors: "errors" };
  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

  const pixels = async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    const context = canvas.getContext("2d", { colorSpace: "srgb", willReadFrequently: true });
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  };
  // Class indices: red, and green for the part above 255.
  const indices = async (address, isGray) => {
    const { data: bytes } = await pixels(address);
    return Uint16Array.from({ length: bytes.length / 4 }, (_, at) => bytes[4 * at] + (isGray ? 0 : 256 * bytes[4 * at + 1]));
  };

  class Viewer {
    constructor(section) {
      this.head = data.heads[section.dataset.head];
      this.colors = this.head.colors.map(rgb);
      this.find = (name) => section.querySelector("." + name);
      this.canvas = section.querySelector("canvas");
      this.isGray = this.head.ignore < 256;
      this.fillControls();
      for (const name of ["left", "right", "opacity", "wipe"]) {
        this.find(name).addEventListener("input", () => this.paint());
      }
      this.find("of").addEventListener("input", () => {
        if (this.find("left").value !== "errors") this.find("right").value = "errors";
        this.paint();
      });
      this.find("pick").addEventListener("change", () => this.list());
      const slide = (event) => {
        const box = this.canvas.getBoundingClientRect();
        this.find("wipe").value = 1000 * (event.clientX - box.left) / box.width;
        this.paint();
      };
      this.canvas.addEventListener("pointermove", (event) => {
        if (event.buttons) slide(event);
        this.point(event);
      });
      this.canvas.addEventListener("pointerdown", (event) => {
        this.canvas.setPointerCapture(event.pointerId);
        slide(event);
      });
      this.list();
    }

    fillControls() {
      const { classes, pictures } = this.head;
      const reasons = new Set(pictures.flatMap((picture) => picture.reasons));
      const words = { worst: "the worst images", median: "images near the median", best: "the best images" };
      for (const [value, text] of Object.entries(words)) {
        if (reasons.has(value)) this.find("pick").append(element("option", { value, textContent: text }));
      }
      classes.forEach((name, at) => {
        if (reasons.has(at)) this.find("pick").append(element("option", { value: at, textContent: "the worst for " + short(name) }));
      });
      this.find("pick").append(element("option", { value: "all", textContent: "all pictures" }));
      for (const side of ["left", "right"]) {
        for (const [value, text] of Object.entries(LAYERS)) this.find(side).append(element("option", { value, textContent: text }));
      }
      this.find("left").value = "truth";
      this.find("right").value = "predicted";
      this.find("of").append(element("option", { value: "", textContent: "all classes" }));
      classes.forEach((name, at) => this.find("of").append(element("option", { value: at, textContent: short(name) })));
    }

    list() {
      const pick = this.find("pick").value, isClass = /^\d+$/.test(pick);
      const wanted = this.head.pictures.filter((picture) =>
        pick === "all" || picture.reasons.includes(isClass ? Number(pick) : pick));
      // Errors of a class beside the truth, and the prediction for all classes.
      this.find("of").value = isClass ? pick : "";
      this.find("right").value = isClass ? "errors" : "predicted";
      if (isClass) wanted.sort((one, other) => one.iou[pick] - other.iou[pick]);
      const buttons = wanted.map((picture) => {
        const score = isClass ? picture.iou[pick] : picture.mean_iou;
        const button = element("button", { title: picture.name },
          element("img", { src: picture.photo, alt: picture.name, loading: "lazy" }),
          element("span", { textContent: picture.name }), element("span", { textContent: percent(score) }));
        button.addEventListener("click", () => this.show(picture, buttons, button));
        return button;
      });
      this.find("strip").replaceChildren(...buttons);
      if (buttons.length) this.show(wanted[0], buttons, buttons[0]);
    }

    async show(picture, buttons, chosen) {
      for (const button of buttons) button.setAttribute("aria-pressed", button === chosen);
      this.wanted = picture;
      const [photo, truth, predicted] = await Promise.all([
        pixels(picture.photo), indices(picture.truth, this.isGray), indices(picture.predicted, this.isGray)]);
      if (this.wanted !== picture) return; // another one was chosen meanwhile
      const present = new Set([...truth, ...predicted]);
      Object.assign(this, { picture, photo, truth, predicted, present });
      this.canvas.width = photo.width;
      this.canvas.height = photo.height;
      this.canvas.setAttribute("aria-label", `${picture.name}, mean IoU ${percent(picture.mean_iou)}`);
      this.find("stage").style.maxWidth = `${Math.min(720, 4 * photo.width)}px`;
      this.paint();
    }

    color(layer, at, photo, opacity, of) {
      const { truth, predicted, head } = this, real = truth[at], found = predicted[at];
      if (layer === "input") return photo;
      const ignored = real === head.ignore;
      const x = at % this.photo.width, y = Math.floor(at / this.photo.width);
      const stripes = ((x + y) >> 2) % 2 ? 120 : 205;
      if (layer !== "errors") {
        const index = layer === "truth" ? real : found;
        if (layer === "truth" && ignored) return [stripes, stripes, stripes];
        const color = this.colors[index] ?? [0, 0, 0];
        return color.map((part, channel) => opacity * part + (1 - opacity) * photo[channel]);
      }
      if (ignored) return [stripes, stripes, stripes];
      const gray = 190 + (65 / 255) * (0.299 * photo[0] + 0.587 * photo[1] + 0.114 * photo[2]);
      if (of === "") return real === found ? [gray, gray, gray] : this.colors[found] ?? [0, 0, 0];
      const wanted = Number(of);
      if (real === wanted && found === wanted) return HIT;
      if (found === wanted) return FALSE_POSITIVE;
      return real === wanted ? FALSE_NEGATIVE : [gray, gray, gray];
    }

    paint() {
      if (!this.picture) return;
      const { width, height, data: bytes } = this.photo, out = new ImageData(width, height);
      const border = Math.round(width * this.find("wipe").value / 1000);
      const left = this.find("left").value, right = this.find("right").value;
      const opacity = Number(this.find("opacity").value) / 100, of = this.find("of").value;
      for (let at = 0; at < width * height; at++) {
        const photo = [bytes[4 * at], bytes[4 * at + 1], bytes[4 * at + 2]];
        out.data.set(this.color(at % width < border ? left : right, at, photo, opacity, of), 4 * at);
        out.data[4 * at + 3] = 255;
      }
      this.canvas.getContext("2d").putImageData(out, 0, 0);
      this.find("border").style.left = `${this.find("wipe").value / 10}%`;
      this.describe();
      this.legend();
    }

    describe(place = "") {
      const { picture, head } = this;
      const ofClass = this.find("of").value;
      const iou = ofClass === "" ? "" : `, IoU of ${short(head.classes[ofClass])} ${percent(picture.iou[ofClass])}`;
      this.find("status").replaceChildren(`${picture.name}: mean IoU ${percent(picture.mean_iou)}${iou}`, element("br"), place);
    }

    point(event) {
      if (!this.picture) return;
      const box = this.canvas.getBoundingClientRect(), { width, height } = this.photo;
      const x = Math.min(width - 1, Math.floor(width * (event.clientX - box.left) / box.width));
      const y = Math.min(height - 1, Math.floor(height * (event.clientY - box.top) / box.height));
      if (x < 0 || y < 0) return;
      const name = (index) => (index === this.head.ignore ? "ignored" : this.head.classes[index] ?? index);
      const at = y * width + x;
      this.describe(`truth ${short(name(this.truth[at]))}, prediction ${short(name(this.predicted[at]))}`);
    }

    legend() {
      const of = this.find("of").value, layers = [this.find("left").value, this.find("right").value];
      const entries = [];
      if (layers.includes("errors") && of !== "") {
        const kinds = { correct: HIT, "false positive": FALSE_POSITIVE, "false negative": FALSE_NEGATIVE };
        for (const [kind, color] of Object.entries(kinds)) entries.push([kind, `rgb(${color})`]);
      }
      const { present } = this;
      if (layers.some((layer) => layer === "truth" || layer === "predicted" || (layer === "errors" && of === ""))) {
        this.head.classes.forEach((name, at) => present.has(at) && entries.push([name, this.head.colors[at]]));
      }
      if (present.has(this.head.ignore) && layers.some((layer) => layer === "truth" || layer === "errors")) entries.push(["ignored", null]);
      this.find("legend-place").replaceChildren(legend(entries));
    }
  }

  for (const section of all(".viewer")) new Viewer(section);
}
