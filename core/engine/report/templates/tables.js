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

  // Calls `sort` with a column and the order of its values, when its title is clicked.
  const onSort = (titles, sort) => titles.forEach((title, column) =>
    title.querySelector("button")?.addEventListener("click", () => {
      const ascending = title.ariaSort !== "ascending";
      for (const one of titles) if (one.ariaSort) one.ariaSort = "none";
      title.ariaSort = ascending ? "ascending" : "descending";
      sort(column, compare(ascending ? 1 : -1));
    }));

  for (const table of pluxel.all("table.sortable")) {
    const body = table.tBodies[0];
    onSort(pluxel.all("thead th", table), (column, order) => {
      const rows = [...body.rows].map((row) => [row.cells[column].dataset.value ?? "", row]);
      rows.sort(([one], [other]) => order(one, other));
      body.replaceChildren(...rows.map(([, row]) => row));
    });
  }

  return { onSort };
})();
