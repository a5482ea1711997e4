"use strict";
// Sorting, charts and controls of a report.
{
  const { all, byId, data, element, percent, short } = pluxel;

  // -- tables ------------------------------------------------------------------------------------

  const listOfImages = (table) => {
    const { head } = table.dataset, { images } = data.heads[head], viewer = pluxelViewers.get(head);
    const keys = [images.names, images.mean_iou], order = images.names.map((_, at) => at);
    const page = 100;
    let shown = page;
    const nameOf = (at) => {
      const name = images.names[at];
      if (!viewer?.has(name)) return name;
      const link = element("a", { href: `#${viewer.section.id}` }, name);
      link.addEventListener("click", (event) => {
        event.preventDefault();
        viewer.open(name);
      });
      return link;
    };
    const body = element("tbody");
    const more = element("button", { type: "button" }, "Show more");
    const fill = () => {
      body.replaceChildren(...order.slice(0, shown).map((at) => element("tr", {},
        element("th", { scope: "row" }, nameOf(at)),
        element("td", {}, percent(images.mean_iou[at])))));
      more.hidden = shown >= order.length;
    };
    const titles = ["image", "mean IoU"].map((name, column) => element("th",
      { scope: "col", "aria-sort": column ? "ascending" : "none" }, element("button", {}, name)));
    pluxelTables.onSort(titles, (column, byKey) => {
      order.sort((one, other) => byKey(keys[column][one], keys[column][other]));
      fill();
    });
    more.addEventListener("click", () => { shown += 10 * page; fill(); });
    table.append(element("thead", {}, element("tr", {}, ...titles)), body);
    table.after(more);
    fill();
  };
  for (const table of all("table.image-list")) listOfImages(table);

  byId("only-set")?.addEventListener("change", (event) =>
    byId("configuration").classList.toggle("only-set", event.target.checked));

  // -- charts ------------------------------------------------------------------------------------

  const draw = (place) => {
    place.replaceChildren(pluxelCharts[place.dataset.chart](place));
    const caption = place.parentElement.querySelector("figcaption").firstChild.textContent.trim();
    for (const svg of all("svg", place)) {
      svg.role = "img";
      svg.ariaLabel = caption;
    }
  };
  const places = all(".chart");
  const drawAgain = (wanted = () => true) =>
    places.filter((place) => place.firstChild && wanted(place)).forEach(draw);

  // Charts are drawn when they come into view: a page with many opens fast.
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      draw(target);
    }
  }, { rootMargin: "400px" });
  for (const place of places) seen.observe(place);

  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) { width = innerWidth; drawAgain(); }
  });
  addEventListener("beforeprint", () => places.filter((one) => !one.firstChild).forEach(draw));
  for (const select of all(".confusion-mode")) {
    select.addEventListener("change", () =>
      drawAgain((place) => place.dataset.chart === "confusion"));
  }

  const scalar = byId("scalar");
  if (scalar) {
    scalar.append(...data.series.map(({ name, title }) =>
      element("option", { value: name }, short(title))));
    const ofClass = data.series.find((s) => s.group === "class");
    if (ofClass) scalar.value = ofClass.name;
    scalar.addEventListener("change", () => drawAgain((place) => place.dataset.group === "one"));
    byId("smoothing").addEventListener("input", () =>
      drawAgain((place) => place.dataset.chart === "series"));
  }

  const panel = byId("panel");
  panel?.addEventListener("change", () =>
    all("#panels img").forEach((image, at) => { image.hidden = at !== Number(panel.value); }));
}
