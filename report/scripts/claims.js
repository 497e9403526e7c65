// The claims, filtered by source, verdict and study; the address holds the choice: #claims:source=S1.
(() => {
  const filters = document.querySelector(".filters");
  if (!filters) return;
  const selects = [...filters.querySelectorAll("select")];
  const rows = [...document.querySelectorAll("details.claim")];
  const shown = filters.querySelector(".shown");
  const clear = filters.querySelector(".clear");
  const MARK = "#claims:";
  filters.hidden = false;

  const apply = () => {
    let count = 0;
    for (const row of rows) {
      const fits = selects.every(({ name, value }) =>
        !value || row.dataset[name].split(name === "study" ? " " : "\n").includes(value));
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${rows.length} claims`;
    clear.hidden = selects.every((select) => !select.value);
  };

  const write = () => {
    const chosen = selects.filter((select) => select.value);
    const query = new URLSearchParams(chosen.map(({ name, value }) => [name, value]));
    history.replaceState(null, "", chosen.length ? MARK + query : "#claims");
  };

  const read = () => {
    if (!location.hash.startsWith(MARK)) return;
    const query = new URLSearchParams(location.hash.slice(MARK.length));
    for (const select of selects) select.value = query.get(select.name) ?? "";
    apply();
    document.getElementById("claims").scrollIntoView();
  };

  // A link to a row that the filter hides shows all rows.
  const unhide = () => {
    const row = document.getElementById(location.hash.slice(1))?.closest("details.claim");
    if (row?.hidden) reset();
  };
  const reset = () => {
    for (const select of selects) select.value = "";
    apply();
  };

  filters.addEventListener("change", () => { apply(); write(); });
  clear.addEventListener("click", () => { reset(); write(); });
  addEventListener("hashchange", () => { read(); unhide(); });
  apply();
  read();
})();
