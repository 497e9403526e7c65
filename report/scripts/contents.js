// The contents: a menu on a narrow screen, folded to the chapter that is read, marked as it is read.
(() => {
  const contents = document.getElementById("contents");
  const menu = document.querySelector(".menu");
  const openMenu = (open) => {
    contents.classList.toggle("open", open);
    menu.setAttribute("aria-expanded", String(open));
  };
  menu.hidden = false;
  menu.addEventListener("click", () => openMenu(menu.getAttribute("aria-expanded") !== "true"));
  contents.addEventListener("click", (event) => event.target.closest("a") && openMenu(false));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && contents.classList.contains("open")) {
      openMenu(false);
      menu.focus();
    }
  });

  // An entry with entries below it gets a button that unfolds them.
  for (const list of contents.querySelectorAll("li > ol")) {
    const entry = list.parentElement;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "unfold";
    button.setAttribute("aria-label", `Sections of ${entry.querySelector("a").textContent.trim()}`);
    button.addEventListener("click", () => unfold(entry, !entry.classList.contains("unfolded")));
    entry.insertBefore(button, list);
    button.setAttribute("aria-expanded", "false");
  }
  const unfold = (entry, open) => {
    entry.classList.toggle("unfolded", open);
    entry.querySelector(":scope > .unfold")?.setAttribute("aria-expanded", String(open));
  };

  // What is read is the last heading above the upper third. Chapters are looked at first, so that a
  // browser need not lay out those that are far from the window.
  const links = [...contents.querySelectorAll("ol a")];
  const entries = links.map((link) => {
    const head = document.getElementById(link.hash.slice(1));
    return { link, head, part: head?.closest("main > section, main > header") };
  }).filter((entry) => entry.part);
  let current = null;
  const reading = () => {
    const line = innerHeight / 3;
    const above = (element) => element.getBoundingClientRect().top <= line;
    const parts = [...new Set(entries.map((entry) => entry.part))];
    const part = parts.filter(above).at(-1) ?? parts[0];
    const own = entries.filter((entry) => entry.part === part);
    return own.filter((entry) => above(entry.head)).at(-1) ?? own[0];
  };
  const mark = () => {
    const { link } = reading() ?? {};
    if (!link || link === current) return;
    const around = (element) => {
      const found = [];
      for (let one = element?.closest("li"); one; one = one.parentElement.closest("li")) found.push(one);
      return found;
    };
    const kept = around(link);
    around(current).filter((entry) => !kept.includes(entry)).forEach((entry) => unfold(entry, false));
    kept.forEach((entry) => unfold(entry, true));
    current?.removeAttribute("aria-current");
    current = link;
    current.setAttribute("aria-current", "true");
    const { top, bottom } = current.getBoundingClientRect();
    const box = contents.getBoundingClientRect();
    if (top < box.top + 60 || bottom > box.bottom) {
      contents.scrollTop += top - box.top - contents.clientHeight / 2;
    }
  };
  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mark(); });
  };
  addEventListener("scroll", later, { passive: true });
  addEventListener("resize", later);
  mark();
})();
