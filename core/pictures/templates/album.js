"use strict";
(() => {
  const AT_ONCE = 60; // tiles; more follow when their end comes into view
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("filters");
  const own = data.samples.slice(0, data.shown);
  const colors = [...document.querySelectorAll("input[name=class]")].reduce((found, one) => {
    found[one.value] = one.nextElementSibling.style.background;
    return found;
  }, {});
  let chosen = own;
  let open = 0;

  const make = (tag, text, name) => {
    const found = document.createElement(tag);
    if (text) found.textContent = text;
    if (name) found.className = name;
    return found;
  };
  const value = (name) => (form.elements[name] ? form.elements[name].value : "");
  const number = (name, otherwise) => (value(name) === "" ? otherwise : Number(value(name)));
  const checked = (name) =>
    [...form.querySelectorAll(`input[name=${name}]:checked`)].map((one) => one.value);
  const percent = (share) => `${Number((100 * share).toPrecision(3))} %`;
  const shareOf = (sample, head, index) =>
    (sample.shares[head].find((one) => one[0] === index) || [0, 0])[1];

  function picture(sample, head) {
    const box = make("span", "", "picture");
    const add = (content, kind, name) => {
      if (!content) return;
      const image = make("img", "", name);
      image.loading = "lazy";
      image.decoding = "async";
      image.alt = name === "photo" ? sample.name : "";
      image.src = `data:image/${kind};base64,${content}`;
      box.append(image);
    };
    add(sample.photo, "jpeg", "photo");
    if (head !== null) add(sample.masks[head], "png", "mask");
    if (!box.childElementCount) {
      box.append(make("span", sample.findings.length ? sample.findings[0][1] : "no picture"));
    }
    return box;
  }

  function headShown() {
    return Number(value("head") || 0);
  }

  function tile(sample) {
    const button = make("button", "", "tile");
    button.type = "button";
    button.title = [sample.name, ...sample.files].join("\n");
    const size = sample.size ? `${sample.size[0]}×${sample.size[1]}` : "size unknown";
    const facts = [size, `rarity ${sample.rarity}`];
    for (const [head, index] of picked()) {
      facts.push(`${data.heads[head].classes[index]} ${percent(shareOf(sample, head, index))}`);
    }
    button.append(picture(sample, headShown()), make("b", sample.name));
    button.append(make("small", facts.join(" · ")));
    if (sample.kinds.length) {
      const harmless = sample.kinds.every((kind) => kind === "repetition");
      button.append(make("span", sample.kinds.join(", "), harmless ? "mild" : "bad"));
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
      one.chosen = classes.reduce((sum, [head, index]) => sum + shareOf(one, head, index), 0);
    }
    const passes = (one) => {
      const side = one.size ? Math.max(...one.size) : 0;
      return (
        classes.every(([head, index]) => shareOf(one, head, index) > 0) &&
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
      ignored: (one) => one.shares.reduce((sum, _, head) => sum + shareOf(one, head, -1), 0),
      rarity: (one) => one.rarity,
      classes: (one) =>
        one.shares.reduce((sum, found) => sum + found.filter(([i]) => i >= 0).length, 0),
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
    document.getElementById("count").textContent = `${chosen.length} of ${own.length} samples`;
    tiles.show(chosen);
    if (pairs) {
      const found = data.pairs.filter((one) => one.of.some((place) => passes(data.samples[place])));
      document.getElementById("pair-count").textContent =
        `${found.length} of ${data.pairs.length} pairs`;
      pairs.show(found);
    }
  }

  // Shows a list in parts, so that thousands of tiles cost no more than those in view.
  function growing(list, end, draw) {
    let items = [];
    const grow = () => {
      const start = list.childElementCount;
      const part = document.createDocumentFragment();
      items.slice(start, start + AT_ONCE).forEach((one, place) => {
        const line = make("li");
        line.append(draw(one, start + place));
        part.append(line);
      });
      list.append(part);
    };
    const observer = new IntersectionObserver(
      (seen) => {
        if (seen.some((one) => one.isIntersecting) && list.childElementCount < items.length) {
          grow();
          observer.unobserve(end); // or it does not tell that the end is still in view
          observer.observe(end);
        }
      },
      { rootMargin: "600px" },
    );
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
    document.getElementById("tiles"),
    document.getElementById("more"),
    (sample, place) => {
      const button = tile(sample);
      button.addEventListener("click", () => detail(place));
      return button;
    },
  );

  const pairs = document.getElementById("pairs") && growing(
    document.getElementById("pair-tiles"),
    document.getElementById("more-pairs"),
    (pair) => {
      const box = make("div");
      const mirrored = pair.mirrored ? ", mirrored" : "";
      const where = pair.kind === "repetition" ? "within the split" : "in two splits";
      const text = `${pair.kind} ${where}: similarity ${pair.similarity.toFixed(2)}${mirrored}`;
      box.append(make("h3", text));
      const two = make("div", "", "two");
      for (const place of pair.of) {
        const sample = data.samples[place];
        const side = make("div");
        side.title = [sample.name, ...sample.files].join("\n");
        side.append(picture(sample, null), make("b", sample.split), make("br"));
        side.append(make("span", sample.name));
        two.append(side);
      }
      box.append(two);
      return box;
    },
  );

  const dialog = document.getElementById("detail");

  function detail(place) {
    open = place;
    const sample = chosen[place];
    document.getElementById("detail-name").textContent = sample.name;
    const pictures = [picture(sample, null)];
    if (sample.masks.some(Boolean)) pictures.push(picture(sample, headShown()));
    document.getElementById("detail-pictures").replaceChildren(...pictures);
    const facts = document.getElementById("detail-facts");
    const size = sample.size ? `${sample.size[0]}×${sample.size[1]} pixels, ` : "";
    facts.replaceChildren(
      make("p", `${size}rarity ${sample.rarity}, number ${sample.index} of ${sample.split}`),
      ...sample.files.map((one) => make("div", one)),
      ...sample.findings.map(([kind, text]) => make("div", `${kind}: ${text}`, "bad")),
    );
    sample.shares.forEach((shares, head) => {
      if (!shares.length) return;
      if (data.heads.length > 1) facts.append(make("h3", data.heads[head].name));
      const table = make("table");
      for (const [index, share] of shares) {
        const row = table.insertRow();
        const square = make("i", "", index < 0 ? "ignored" : "");
        if (index >= 0) square.style.background = colors[`${head},${index}`];
        row.insertCell().append(square);
        row.insertCell().append(index < 0 ? "ignore" : data.heads[head].classes[index]);
        row.insertCell().append(percent(share));
      }
      facts.append(table);
    });
    document.getElementById("previous").disabled = place === 0;
    document.getElementById("next").disabled = place === chosen.length - 1;
    if (!dialog.open) dialog.showModal();
  }

  function step(by) {
    if (open + by >= 0 && open + by < chosen.length) detail(open + by);
  }

  document.getElementById("previous").addEventListener("click", () => step(-1));
  document.getElementById("next").addEventListener("click", () => step(1));
  document.getElementById("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });

  const tabs = [...document.querySelectorAll("[role=tab]")];
  tabs.forEach((tab, place) => {
    const choose = (other) => {
      tabs.forEach((one) => {
        one.setAttribute("aria-selected", one === other);
        one.tabIndex = one === other ? 0 : -1;
        document.getElementById(one.getAttribute("aria-controls")).hidden = one !== other;
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
