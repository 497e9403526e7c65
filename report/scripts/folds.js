// Folds that open together, the switch of light and dark, and folds that open for a link into them.
(() => {
  const root = document.documentElement;
  const folds = [...document.querySelectorAll("main details")];

  // Buttons name the folds that they open: data-folds is a selector.
  for (const button of document.querySelectorAll("button[data-folds]")) {
    const chosen = folds.filter((fold) => fold.matches(button.dataset.folds));
    const [open, close] = [button.textContent, button.dataset.close];
    button.hidden = chosen.length === 0;
    button.addEventListener("click", () => {
      const show = button.getAttribute("aria-pressed") !== "true";
      for (const fold of chosen) fold.open = show;
      button.setAttribute("aria-pressed", String(show));
      button.textContent = show ? close : open;
    });
  }

  // A link into a fold opens it, and those around it.
  const reveal = () => {
    let target = null;
    try {
      target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch { /* A hash that is no encoded text leads nowhere. */ }
    if (!target) return;
    let closed = false;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      closed ||= !fold.open;
      fold.open = true;
    }
    if (closed) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  // On paper every fold of figures and tables is open; code stays as the reader left it.
  const closedBefore = [];
  addEventListener("beforeprint", () => {
    closedBefore.push(...folds.filter((fold) => !fold.open && !fold.matches(".code")));
    for (const fold of closedBefore) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of closedBefore.splice(0)) fold.open = false;
  });

  const theme = document.querySelector(".theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const name = () => { theme.textContent = dark() ? "Light page" : "Dark page"; };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* Forgotten with the page. */ }
    name();
    dispatchEvent(new Event("themechange")); // canvases draw themselves anew
  });
  system.addEventListener("change", name);
  name();
})();
