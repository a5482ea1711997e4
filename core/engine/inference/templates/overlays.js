"use strict";
(() => {
  const PER_PAGE = 60;
  const { classes, images } = JSON.parse(document.getElementById("overlays").textContent);
  const [filter, order, back, next, where, list] = ["filter", "order", "back", "next", "where",
    "images"].map((id) => document.getElementById(id));
  const sure = images.map((one) => one.confidence).filter((one) => one !== null);
  const lowest = sure.length > 1 ? sure.reduce((a, b) => Math.min(a, b)) : null;
  const percent = (share) => `${(100 * share).toFixed(share < 0.001 ? 2 : 1)} %`;
  let start = 0;

  function element(name, parent, text = "", attributes = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    Object.assign(made, attributes);
    parent.append(made);
    return made;
  }

  function option(value, text) {
    element("option", order, text, { value });
  }
  option("name", "name");
  if (sure.length) option("confidence", "confidence, lowest first");
  classes.forEach((one, index) => {
    if (images.some((image) => index in image.shares)) option(index, `share of ${one.name}`);
  });

  function chosen() {
    const text = filter.value.toLowerCase();
    const found = images.filter((one) => one.name.toLowerCase().includes(text));
    if (order.value === "name") return found;
    if (order.value === "confidence") {
      return found.sort((a, b) => (a.confidence ?? 2) - (b.confidence ?? 2));
    }
    return found.sort((a, b) => (b.shares[order.value] ?? 0) - (a.shares[order.value] ?? 0));
  }

  function card(one) {
    const item = element("li", list);
    const link = element("a", item, "", { href: one.href });
    element("img", link, "", { loading: "lazy", alt: "", src: one.image });
    element("span", link, one.name);
    const marks = element("div", item, `${one.size[0]}×${one.size[1]}`, {
      className: "marks", title: "height × width",
    });
    if (one.frames !== null) marks.append(` · video, ${one.frames} frames`);
    if (one.confidence !== null) marks.append(` · confidence ${percent(one.confidence)} `);
    if (one.confidence !== null && one.confidence === lowest) element("b", marks, "lowest");
    const bar = element("div", item, "", { className: "bar" });
    bar.setAttribute("aria-hidden", "true");
    const shares = element("ul", item, "", { className: "shares" });
    Object.entries(one.shares).map(([index, share]) => ({ share, ...classes[index] }))
      .sort((a, b) => b.share - a.share)
      .forEach(({ share, name, color }) => {
        const part = element("div", bar);
        part.style.background = color;
        part.style.flexGrow = share;
        const line = element("li", shares);
        element("i", line).style.background = color;
        element("span", line, name);
        element("span", line, percent(share));
      });
  }

  function show() {
    const found = chosen();
    start = Math.max(0, Math.min(start, Math.floor((found.length - 1) / PER_PAGE) * PER_PAGE));
    list.replaceChildren();
    found.slice(start, start + PER_PAGE).forEach(card);
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
