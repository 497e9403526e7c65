// Before anything is drawn: the reader's own choice of light or dark, where there is one.
(() => {
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch { /* A page without storage follows the system. */ }
  document.documentElement.classList.add("scripted");
})();
