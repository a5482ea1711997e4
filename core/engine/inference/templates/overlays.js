"use strict";
(() => {
  const PER_PAGE = 60;
  const { byId, element, percent, plural, swatch, data: { classes, images } } = pluxel;
  const [filter, order, back, next, where, list] = ["filter", "order", "back", "next", "where",
    "images"].map(byId);
  const sure = images.map((one) => one.confidence).filter((one) => one !== null);
  const lowest = sure.length > 1 ? sure.reduce((a, b) => Math.min(a, b)) : null;
  let start = 0;

  function option(value, text) {
    order.append(element("option", { value }, text));
  }
  option("name", "name");
  if (sure.length) option("confidence", "confidence, lowest first");
  classes.forEach((one, index) => {
    if (images.some((image) => index in image.fractions)) option(index, `share of ${one.name}`);
  });

  function chosen() {
    const text = filter.value.toLowerCase();
    const found = images.filter((one) => one.name.toLowerCase().includes(text));
    if (order.value === "name") return found;
    if (order.value === "confidence") {
      return found.sort((a, b) => (a.confidence ?? 2) - (b.confidence ?? 2));
    }
    return found.sort((a, b) => (b.fractions[order.value] ?? 0) - (a.fractions[order.value] ?? 0));
  }

  function card(one) {
    const marks = element("div", { className: "marks", title: "height × width" },
      `${one.size[0]}×${one.size[1]}`);
    if (one.frames !== null) marks.append(` · video, ${plural(one.frames, "frame")}`);
    if (one.confidence !== null) marks.append(` · confidence ${percent(one.confidence)} `);
    if (one.confidence !== null && one.confidence === lowest) {
      marks.append(element("b", {}, "lowest"));
    }
    const shares = Object.entries(one.fractions).map(([index, fraction]) => [fraction, classes[index]])
      .sort(([a], [b]) => b - a);
    return element("li", {},
      element("a", { href: one.href },
        element("img", { loading: "lazy", alt: "", src: one.image }),
        element("span", {}, one.name)),
      marks,
      element("div", { className: "bar", "aria-hidden": "true" },
        ...shares.map(([share, { color }]) =>
          element("div", { style: `background:${color};flex-grow:${share}` }))),
      element("ul", { className: "shares" }, ...shares.map(([share, { name, color }]) =>
        element("li", {}, swatch(color), element("span", {}, name),
          element("span", {}, percent(share))))));
  }

  function show() {
    const found = chosen();
    start = Math.max(0, Math.min(start, Math.floor((found.length - 1) / PER_PAGE) * PER_PAGE));
    list.replaceChildren(...found.slice(start, start + PER_PAGE).map(card));
    const end = Math.min(start + PER_PAGE, found.length);
    where.textContent = found.length ? `${start + 1}–${end} of ${found.length}` : "none";
    back.disabled = start === 0;
    next.disabled = end === found.length;
  }

  filter.addEventListener("input", () => { start = 0; show(); });
  order.addEventListener("change", () => { start = 0; show(); });
  back.addEventListener("click", () => { start -= PER_PAGE; show(); });
  next.addEventListener("click", () => { start += PER_PAGE; show(); });
  show();
})();
