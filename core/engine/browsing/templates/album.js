"use strict";
(() => {
  const AT_ONCE = 60; // tiles; more follow when their end comes into view
  const { all, byId, data, element, percent, plural, swatch } = pluxel;
  const form = byId("filters");
  const own = data.samples.slice(0, data.shown);
  const colors = Object.fromEntries(all("input[name=class]").map((one) =>
    [one.value, one.nextElementSibling.style.background]));
  let chosen = own;
  let open = 0;

  const value = (name) => (form.elements[name] ? form.elements[name].value : "");
  const number = (name, otherwise) => (value(name) === "" ? otherwise : Number(value(name)));
  const checked = (name) =>
    all(`input[name=${name}]:checked`, form).map((one) => one.value);
  const fractionOf = (sample, head, index) =>
    (sample.fractions[head].find((one) => one[0] === index) || [0, 0])[1];

  function picture(sample, head) {
    const box = element("span", { className: "picture" });
    const add = (content, kind, className) => {
      if (!content) return;
      box.append(element("img", {
        loading: "lazy", decoding: "async", className, alt: className === "photo" ? sample.name : "",
        src: `data:image/${kind};base64,${content}`,
      }));
    };
    add(sample.photo, "jpeg", "photo");
    if (head !== null) add(sample.masks[head], "png", "mask");
    if (!box.childElementCount) {
      const [[, reason] = ["", "no picture"]] = sample.findings;
      box.append(element("span", {}, reason));
    }
    return box;
  }

  function headShown() {
    return Number(value("head") || 0);
  }

  function tile(sample) {
    const size = sample.size ? `${sample.size[0]}×${sample.size[1]}` : "size unknown";
    const facts = [size, `rarity ${sample.rarity}`];
    for (const [head, index] of picked()) {
      facts.push(`${data.heads[head].classes[index]} ${percent(fractionOf(sample, head, index))}`);
    }
    const button = element("button", {
      className: "tile", type: "button", title: [sample.name, ...sample.files].join("\n"),
    }, picture(sample, headShown()), element("b", {}, sample.name),
    element("small", {}, facts.join(" · ")));
    if (sample.kinds.length) {
      const harmless = sample.kinds.every((kind) => kind === "repetition");
      button.append(element("span", { className: harmless ? "mild" : "bad" },
        sample.kinds.join(", ")));
    }
    return button;
  }

  function picked() {
    return checked("class").map((one) => one.split(",").map(Number));
  }

  function filter() {
    const classes = picked();
    const kinds = checked("kind");
    const text = value("text").toLowerCase();
    const size = value("size");
    const [least, most] = [number("least", 0) / 100, number("most", 100) / 100];
    const [shortest, longest] = [number("shortest", 0), number("longest", Infinity)];
    const rarity = number("rarity", 0);
    for (const one of data.samples) {
      one.chosen = classes.reduce((sum, [head, index]) => sum + fractionOf(one, head, index), 0);
    }
    const passes = (one) => {
      const side = one.size ? Math.max(...one.size) : 0;
      return (
        classes.every(([head, index]) => fractionOf(one, head, index) > 0) &&
        (!classes.length || (one.chosen >= least && one.chosen <= most)) &&
        (!kinds.length ||
          kinds.some((kind) => (kind ? one.kinds.includes(kind) : !one.kinds.length))) &&
        (!size || (one.size && `${one.size[0]}×${one.size[1]}` === size)) &&
        side >= shortest && side <= longest && one.rarity >= rarity &&
        (!text || one.name.toLowerCase().includes(text))
      );
    };
    const keys = {
      index: (one) => one.index,
      share: (one) => one.chosen,
      ignored: (one) => one.fractions.reduce((sum, _, head) => sum + fractionOf(one, head, -1), 0),
      rarity: (one) => one.rarity,
      classes: (one) =>
        one.fractions.reduce((sum, found) => sum + found.filter(([i]) => i >= 0).length, 0),
      size: (one) => (one.size ? one.size[0] * one.size[1] : 0),
      findings: (one) => one.findings.length,
    };
    const sort = value("sort");
    const sign = form.elements.down.checked ? -1 : 1;
    chosen = own.filter(passes);
    if (sort === "name") {
      const order = new Intl.Collator(undefined, { numeric: true });
      chosen.sort((a, b) => sign * order.compare(a.name, b.name) || a.index - b.index);
    } else {
      const ranks = new Map(chosen.map((one) => [one, keys[sort](one)]));
      chosen.sort((a, b) => sign * (ranks.get(a) - ranks.get(b)) || a.index - b.index);
    }
    byId("count").textContent = `${chosen.length} of ${plural(own.length, "sample")}`;
    tiles.show(chosen);
    if (pairs) {
      const found = data.pairs.filter((one) => one.of.some((place) => passes(data.samples[place])));
      byId("pair-count").textContent = `${found.length} of ${plural(data.pairs.length, "pair")}`;
      pairs.show(found);
    }
  }

  // Shows a list in parts, so that thousands of tiles cost no more than those in view.
  function growing(list, end, draw) {
    let items = [];
    const grow = () => {
      const start = list.childElementCount;
      list.append(...items.slice(start, start + AT_ONCE).map((one, place) =>
        element("li", {}, draw(one, start + place))));
    };
    const observer = new IntersectionObserver(
      (seen) => {
        if (seen.some((one) => one.isIntersecting) && list.childElementCount < items.length) {
          grow();
          observer.unobserve(end); // or it does not report that the end is still in view
          observer.observe(end);
        }
      },
      { rootMargin: "600px" },
    );
    // Prints show all items, and a browser loads no lazy picture for them.
    addEventListener("beforeprint", () => {
      while (list.childElementCount < items.length) grow();
      for (const image of all("img", list)) image.loading = "eager";
    });
    return {
      show(found) {
        items = found;
        list.replaceChildren();
        grow();
        observer.unobserve(end);
        observer.observe(end);
      },
    };
  }

  const tiles = growing(
    byId("tiles"),
    byId("more"),
    (sample, place) => {
      const button = tile(sample);
      button.addEventListener("click", () => detail(place));
      return button;
    },
  );

  const pairs = byId("pairs") && growing(
    byId("pair-tiles"),
    byId("more-pairs"),
    (pair) => {
      const mirrored = pair.mirrored ? ", mirrored" : "";
      const where = pair.kind === "repetition" ? "within the split" : "in two splits";
      const text = `${pair.kind} ${where}: similarity ${pair.similarity.toFixed(2)}${mirrored}`;
      const sides = pair.of.map((place) => data.samples[place]).map((sample) =>
        element("div", { title: [sample.name, ...sample.files].join("\n") },
          picture(sample, null), element("b", {}, sample.split), element("br"),
          element("span", {}, sample.name)));
      return element("div", {}, element("h3", {}, text),
        element("div", { className: "two" }, ...sides));
    },
  );

  const dialog = byId("detail");

  function detail(place) {
    open = place;
    const sample = chosen[place];
    byId("detail-name").textContent = sample.name;
    const pictures = [picture(sample, null)];
    if (sample.masks.some(Boolean)) pictures.push(picture(sample, headShown()));
    byId("detail-pictures").replaceChildren(...pictures);
    const facts = byId("detail-facts");
    const size = sample.size ? `${sample.size[0]}×${sample.size[1]} pixels, ` : "";
    facts.replaceChildren(
      element("p", {},
        `${size}rarity ${sample.rarity}, number ${sample.index} of ${sample.split}`),
      ...sample.files.map((one) => element("div", {}, one)),
      ...sample.findings.map(([kind, text]) =>
        element("div", { className: "bad" }, `${kind}: ${text}`)),
    );
    sample.fractions.forEach((fractions, head) => {
      if (!fractions.length) return;
      if (data.heads.length > 1) facts.append(element("h3", {}, data.heads[head].name));
      facts.append(element("table", {}, ...fractions.map(([index, fraction]) => element("tr", {},
        element("td", {}, swatch(colors[`${head},${index}`])),
        element("td", {}, index < 0 ? "ignore" : data.heads[head].classes[index]),
        element("td", {}, percent(fraction))))));
    });
    byId("previous").disabled = place === 0;
    byId("next").disabled = place === chosen.length - 1;
    if (!dialog.open) dialog.showModal();
  }

  function step(by) {
    if (open + by >= 0 && open + by < chosen.length) detail(open + by);
  }

  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });

  const tabs = all("[role=tab]");
  tabs.forEach((tab, place) => {
    const choose = (other) => {
      tabs.forEach((one) => {
        one.setAttribute("aria-selected", one === other);
        one.tabIndex = one === other ? 0 : -1;
        byId(one.getAttribute("aria-controls")).hidden = one !== other;
      });
      other.focus();
    };
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") choose(tabs[1 - place]);
    });
  });

  const setOpacity = () =>
    document.documentElement.style.setProperty("--opacity", value("opacity"));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    if (event.target.name === "opacity") setOpacity();
    else filter();
  });
  form.addEventListener("reset", () => setTimeout(() => (setOpacity(), filter())));
  setOpacity();
  filter();
})();
