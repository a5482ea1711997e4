"use strict";
// Tables of class "sortable" sort by the column whose title is clicked.
const pluxelTables = (() => {
  // Undefined values, which are empty, come last in both directions.
  const compare = (sign) => (one, other) => {
    if (one === "" || other === "") return (one === "") - (other === "");
    const numbers = [Number(one), Number(other)];
    if (!numbers.some(Number.isNaN)) return sign * (numbers[0] - numbers[1]);
    return sign * String(one).localeCompare(String(other));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const titles = [...table.querySelectorAll("thead th")], body = table.tBodies[0];
    titles.forEach((title, column) => title.querySelector("button")?.addEventListener("click", () => {
      const ascending = title.getAttribute("aria-sort") !== "ascending";
      for (const one of titles) if (one.hasAttribute("aria-sort")) one.setAttribute("aria-sort", "none");
      title.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const order = compare(ascending ? 1 : -1);
      const rows = [...body.rows].map((row) => [row.cells[column].dataset.value ?? "", row]);
      rows.sort((one, other) => order(one[0], other[0]));
      body.replaceChildren(...rows.map(([, row]) => row));
    }));
  }

  return { compare };
})();
