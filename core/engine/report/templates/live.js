"use strict";
// A served page: it reloads when its run has changed, and keeps what was chosen on it.
{
  const { all, data } = pluxel;
  const PLACE = "pluxel-chosen";
  const controls = () => all("select, input");
  const titles = () => all("th[aria-sort]");

  const chosen = () => ({
    values: controls().map((one) => (one.type === "checkbox" ? one.checked : one.value)),
    orders: titles().map((one) => one.ariaSort),
  });

  const choose = ({ values, orders }) => {
    const found = controls(), sorted = titles();
    if (values.length === found.length) {
      found.forEach((one, at) => {
        const name = one.type === "checkbox" ? "checked" : "value";
        if (one[name] === values[at]) return;
        one[name] = values[at];
        for (const kind of ["input", "change"]) one.dispatchEvent(new Event(kind));
      });
    }
    if (orders.length === sorted.length) {
      sorted.forEach((one, at) => {
        for (let click = 0; click < 2 && orders[at] !== "none" && one.ariaSort !== orders[at]; click++)
          one.querySelector("button")?.click();
      });
    }
  };

  const kept = sessionStorage.getItem(PLACE);
  sessionStorage.removeItem(PLACE);
  if (kept) choose(JSON.parse(kept));

  setInterval(async () => {
    try {
      const answer = await fetch("version", { cache: "no-store" });
      if (!answer.ok || await answer.text() === data.live.version) return;
    } catch { // the server has ended
      return;
    }
    sessionStorage.setItem(PLACE, JSON.stringify(chosen()));
    location.reload();
  }, 1000 * data.live.seconds);
}
