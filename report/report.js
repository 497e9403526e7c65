// Three comforts; without them the page reads as well, with its contents open and its code folded.
(() => {
  const contents = document.getElementById("contents");
  const menu = document.querySelector(".menu");
  const allCode = document.querySelector(".all-code");
  const folded = document.querySelectorAll("details.code");

  // The contents as a menu on a narrow screen.
  const openMenu = (open) => {
    contents.classList.toggle("open", open);
    menu.setAttribute("aria-expanded", String(open));
  };
  document.documentElement.classList.add("scripted");
  menu.hidden = false;
  menu.addEventListener("click", () => openMenu(menu.getAttribute("aria-expanded") !== "true"));
  contents.addEventListener("click", (event) => event.target.closest("a") && openMenu(false));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && contents.classList.contains("open")) {
      openMenu(false);
      menu.focus();
    }
  });

  // All code at once.
  allCode.hidden = folded.length === 0;
  allCode.addEventListener("click", () => {
    const show = allCode.getAttribute("aria-pressed") !== "true";
    folded.forEach((details) => { details.open = show; });
    allCode.setAttribute("aria-pressed", String(show));
    allCode.textContent = show ? "Hide all code" : "Show all code";
  });

  // The section being read is the last one whose heading has passed the upper third.
  const links = [...contents.querySelectorAll("ol a")];
  const heads = links.map((link) => document.getElementById(link.hash.slice(1)));
  let current = null;
  const mark = () => {
    const line = window.innerHeight / 3;
    let index = 0;
    heads.forEach((head, i) => { if (head.getBoundingClientRect().top <= line) index = i; });
    const end = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
    if (end && window.scrollY > 0) index = links.length - 1;
    if (links[index] === current) return;
    current?.removeAttribute("aria-current");
    current = links[index];
    current.setAttribute("aria-current", "true");
    const { top, bottom } = current.getBoundingClientRect();
    if (top < 60 || bottom > contents.clientHeight) {
      contents.scrollTop += top - contents.clientHeight / 2;
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
