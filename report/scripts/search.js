// Search within the page: headings, claims, captions and paragraphs that hold all words asked for.
(() => {
  const box = document.querySelector(".search");
  const input = box.querySelector("input");
  const list = box.querySelector("ul");
  const status = box.querySelector(".search-count");
  const SHOWN = 24;
  const KINDS = [
    ["heading", "h1, h2, h3, h4, h5"],
    ["claim", "details.claim > summary"],
    ["figure or table", "figcaption, details.fold > summary"],
    ["text", "p, li, dd, td"],
  ];
  let index = null;
  let active = -1;
  box.hidden = false;

  const plain = (text) => text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const read = () => {
    const seen = new Set();
    index = KINDS.flatMap(([kind, selector], rank) =>
      [...document.querySelectorAll(`main :is(${selector})`)]
        .filter((element) => !element.closest("svg, .search") && !seen.has(element))
        .map((element) => {
          seen.add(element);
          const text = element.textContent.replace(/\s+/g, " ").trim();
          return { kind, rank, element, text, plain: plain(text) };
        })
        .filter((entry) => entry.text));
  };

  const found = (query) => {
    const words = plain(query).split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    return index
      .filter((entry) => words.every((word) => entry.plain.includes(word)))
      .map((entry) => ({ ...entry, at: entry.plain.indexOf(words[0]) }))
      .sort((a, b) => a.rank - b.rank);
  };

  const excerpt = ({ text, at }) => {
    const start = text.length > 130 ? Math.max(0, at - 40) : 0;
    return `${start ? "…" : ""}${text.slice(start, start + 130)}${text.length > start + 130 ? "…" : ""}`;
  };

  const option = (entry, number) => {
    const item = document.createElement("li");
    item.id = `search-${number}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    const kind = document.createElement("small");
    const part = entry.rank ? entry.element.closest(".study")?.querySelector("h2, h3") : null;
    const place = part?.dataset.number;
    kind.textContent = place ? `${entry.kind} in ${place}` : entry.kind;
    item.append(kind, ` ${excerpt(entry)}`);
    item.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
    item.addEventListener("click", () => go(entry));
    return item;
  };

  let results = [];
  const show = () => {
    if (!index) read();
    results = found(input.value);
    list.replaceChildren(...results.slice(0, SHOWN).map(option));
    list.hidden = !results.length;
    input.setAttribute("aria-expanded", String(results.length > 0));
    const more = results.length > SHOWN ? `, the first ${SHOWN} are listed` : "";
    status.textContent = input.value.trim() ? `${results.length || "No"} places${more}` : "";
    choose(results.length ? 0 : -1);
  };

  const choose = (number) => {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = number;
    const item = list.children[active];
    item?.setAttribute("aria-selected", "true");
    item?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", item?.id ?? "");
  };

  const close = () => {
    list.hidden = true;
    status.textContent = "";
    input.setAttribute("aria-expanded", "false");
    choose(-1);
  };

  const go = ({ element }) => {
    close();
    for (let fold = element.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      if (!element.matches("summary") || fold !== element.parentElement) fold.open = true;
    }
    const row = element.closest("[hidden]");
    if (row) row.hidden = false; // a filtered claim
    element.setAttribute("tabindex", element.getAttribute("tabindex") ?? "-1");
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
    element.classList.add("sought");
    setTimeout(() => element.classList.remove("sought"), 2500);
  };

  input.addEventListener("input", show);
  input.addEventListener("focus", () => input.value && show());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const count = list.children.length;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && count) choose((active + step + count) % count);
    else if (event.key === "Enter" && results[active]) go(results[active]);
    else if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      close();
      event.stopPropagation();
    } else return;
    event.preventDefault();
  });

  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || writing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!box.checkVisibility()) document.querySelector(".menu").click();
    input.focus();
    input.select();
  });
})();
