"use strict";
(() => {
  const { byId, element, percent, swatch, data: { runs, limit } } = pluxel;
  const [drop, file, opacity, status, panels] = ["drop", "file", "opacity", "status", "panels"]
    .map(byId);
  const MOST = 8;
  let stages = [];
  let chosen = null;
  let task = new AbortController();

  function say(text, isError = false) {
    status.textContent = text;
    status.className = isError ? "error" : "";
  }

  async function answer(address, options) {
    let response;
    try {
      response = await fetch(address, options);
    } catch {
      throw new Error("the server does not answer; is pluxel app still running?");
    }
    const found = await response.text().then(pluxel.parse).catch(() => ({ error: response.statusText }));
    if (!response.ok) throw new Error(found.error);
    return found;
  }

  async function open(photo) {
    task.abort();  // the server then discards the work for the previous photograph
    const own = task = new AbortController();
    panels.replaceChildren();
    stages = [];
    chosen = null;
    if (photo.size > limit) {
      say(`${photo.name}: exceeds the limit of ${Math.round(limit / 1e6)} MB`, true);
      return;
    }
    for (const [number, run] of runs.entries()) {
      say(`${photo.name}: ${run} is segmenting …`);
      try {
        const result = await answer(`predict/${number}`, {
          method: "POST",
          body: photo,
          headers: { "X-Name": encodeURIComponent(photo.name) },
          signal: own.signal,
        });
        if (own !== task) return;
        result.heads.forEach((head, index) => show(run, photo, result, head, index));
      } catch (error) {
        if (own === task) say(error.message, true);
        return;
      }
    }
    say(photo.name);
  }

  function show(run, photo, result, head, index) {
    const several = result.heads.length > 1;
    const base = `results/${result.id}`;
    const colors = element("img", { src: `${base}/colors-${index}.png`, alt: "" });
    colors.style.opacity = opacity.value / 100;
    const mark = element("div", { className: "mark", hidden: true });
    const stage = element("div", {
      className: "stage", tabIndex: 0, role: "application",
      "aria-label": "Photograph with classes; arrow keys choose a pixel",
    }, element("img", { src: `${base}/photo.png`, alt: photo.name }), colors, mark);
    const pixel = element("div", {},
      element("p", { className: "hint" }, "Click a pixel for its classes and probabilities."));
    const list = element("ul", { className: "legend" });
    head.classes.filter(({ fraction }) => fraction > 0).sort((a, b) => b.fraction - a.fraction)
      .forEach(({ name, color, fraction }) => list.append(element("li", {},
        swatch(color), element("span", {}, `${name} `), element("small", {}, percent(fraction)))));
    if (head.ignored) list.append(element("li", {}, swatch(), head.ignored));
    const stem = photo.name.replace(/\.[^.]*$/, "") || "mask";
    const parts = [stem, runs.length > 1 && run.replaceAll("/", "-"), several && head.name];
    panels.append(element("section", {},
      element("h2", {}, several ? `${run}: ${head.name}` : run), stage, pixel,
      element("p", { className: "size" }, `${result.height}×${result.width} (height × width) `),
      list,
      element("a", { href: `${base}/mask-${index}.png`, download: `${parts.filter(Boolean).join(" ")}.png` },
        "Download the mask")));
    stages.push({ stage, colors, mark, pixel, result, head, index });
    stage.addEventListener("click", (event) => {
      const box = stage.getBoundingClientRect();
      choose(result, Math.floor((event.clientY - box.top) / box.height * result.height),
        Math.floor((event.clientX - box.left) / box.width * result.width));
    });
    stage.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1],
        ArrowRight: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const far = event.shiftKey ? 10 : 1;
      const [row, column] = chosen ?? [result.height >> 1, result.width >> 1];
      choose(result, row + far * step[0], column + far * step[1]);
    });
  }

  function choose({ height, width }, row, column) {
    row = Math.max(0, Math.min(height - 1, row));
    column = Math.max(0, Math.min(width - 1, column));
    chosen = [row, column];
    const asked = new Map();
    stages.forEach(async (one) => {
      one.mark.hidden = false;
      one.mark.style.top = `${100 * (row + 0.5) / height}%`;
      one.mark.style.left = `${100 * (column + 0.5) / width}%`;
      const { id } = one.result;
      if (!asked.has(id)) asked.set(id, answer(`results/${id}/pixel/${row}/${column}`));
      try {
        const { heads } = await asked.get(id);
        if (chosen[0] === row && chosen[1] === column) describe(one, row, column, heads[one.index]);
      } catch (error) {
        say(error.message, true);
      }
    });
  }

  function describe({ pixel, head }, row, column, found) {
    const table = element("table", {}, element("caption", {}, `row ${row}, column ${column}`));
    pixel.replaceChildren(table);
    if (found.class === null) {
      table.append(element("tr", {}, element("td", {}, "no data")));
      return;
    }
    const probabilities = found.probabilities ?? head.classes.map(() => null);
    const order = [...probabilities.keys()]
      .filter((index) => found.probabilities || index === found.class)
      .sort((a, b) =>
        (b === found.class) - (a === found.class) || probabilities[b] - probabilities[a]);
    table.append(...order.slice(0, MOST).map((index) => {
      const { name, color } = head.classes[index];
      const line = element("tr", {}, element("td", {}, swatch(color), name));
      if (probabilities[index] !== null) {
        line.append(
          element("td", {}, element("meter", { value: probabilities[index], "aria-label": name })),
          element("td", {}, percent(probabilities[index])));
      }
      return line;
    }));
  }

  opacity.addEventListener("input", () => {
    stages.forEach(({ colors }) => { colors.style.opacity = opacity.value / 100; });
  });
  file.addEventListener("change", () => { if (file.files[0]) open(file.files[0]); });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files[0]) open(event.clipboardData.files[0]);
  });
})();
