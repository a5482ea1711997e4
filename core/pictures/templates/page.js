"use strict";
// What the scripts of all pages share. `data`: what a page gives to its scripts, or null.
const pluxel = (() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  // Control characters are invisible, and some reorder the text around them: [U+202E].
  const INVISIBLE = new RegExp("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\xad\\u061c\\u200b" +
    "\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff]", "g");
  const visible = (text) => text.replace(INVISIBLE, (found) =>
    `[U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
  const parse = (json) =>
    JSON.parse(json, (_, value) => (typeof value === "string" ? visible(value) : value));
  const data = parse(byId("data")?.textContent ?? "null");
  const percent = (share) => (
    share == null ? "–" : `${(100 * share).toFixed(share && Math.abs(share) < 0.001 ? 2 : 1)} %`);
  const plural = (count, noun) =>
    `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  const short = (text, most = 40) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

  // Properties of the DOM, or attributes such as "aria-label".
  const element = (tag, properties = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in made) made[name] = value;
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  };

  // The square of a legend; without a color, it has the pattern of ignored pixels.
  const swatch = (color) => element("i", color
    ? { className: "swatch", style: `background:${color}` } : { className: "swatch ignored" });

  const legend = (entries) => element("ul", { className: "legend" },
    ...entries.map(([name, color]) => element("li", {}, swatch(color), name)));

  return { byId, all, data, parse, percent, plural, short, element, swatch, legend };
})();
