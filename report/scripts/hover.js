// The values of curves under the pointer, or moved along by the arrow keys. lib/studies/pictures.py packs
// the curves and says where the panels stand, in units of the figure's view box.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const number = (value, digits = 3) =>
    (value === null ? "–" : String(Number(value.toPrecision(digits))).replace("-", "−"));
  const plain = (text) => text.replaceAll("$", "").replaceAll("\\lambda", "λ").replace(/_\\?\{?\\?(\w+)\}?/g, "_$1");

  // Children of an element for text with indices, such as λ_max.
  const write = (element, text) => {
    element.replaceChildren(...plain(text).split(/(_[a-z]+)/).filter(Boolean).map((part) => {
      if (part[0] !== "_") return part;
      const index = document.createElement("sub");
      index.textContent = part.slice(1);
      return index;
    }));
    return element;
  };
  const make = (tag, className, text = "") => {
    const element = write(document.createElement(tag), text);
    if (className) element.className = className;
    return element;
  };

  const along = (scale, [low, high], value) => {
    const measure = scale === "log" ? Math.log10 : (x) => x;
    return (measure(value) - measure(low)) / (measure(high) - measure(low));
  };
  // An axis of u = asinh(x / unit) is labelled with x.
  const position = (panel, x) => number(panel.unit ? panel.unit * Math.sinh(x) : x, panel.unit ? 3 : 4);

  class Panel {
    constructor(svg, panel) {
      Object.assign(this, { svg, panel });
      const known = panel.series.flatMap((one) => one.x).filter((x) => x !== null);
      this.positions = [...new Set(known)].sort((a, b) => a - b).filter((x) => {
        const share = along(panel.x_scale, panel.x_range, x);
        return share >= -0.001 && share <= 1.001;
      });
    }

    left(x) {
      const [from, , to] = this.panel.box;
      return from + (to - from) * along(this.panel.x_scale, this.panel.x_range, x);
    }

    // Where a pointer stands in the figure's units; null outside the axes, with a little room.
    point(event) {
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
      const [left, top, right, bottom] = this.panel.box;
      const inside = place.x > left - 4 && place.x < right + 4 && place.y > top - 4 && place.y < bottom + 4;
      return inside ? place : null;
    }

    nearest(place) {
      const distance = (x) => Math.abs(this.left(x) - place.x);
      return this.positions.reduce((best, x) => (distance(x) < distance(best) ? x : best));
    }

    // Each series at its own position nearest to x, if that is about there.
    values(x) {
      const [from, , to] = this.panel.box;
      return this.panel.series.flatMap((one) => {
        const distances = one.x.map((other) => Math.abs(this.left(other) - this.left(x)));
        const k = distances.indexOf(Math.min(...distances));
        return distances[k] < 0.02 * (to - from) && one.y[k] !== null ? [{ one, k }] : [];
      });
    }
  }

  const mark = (panel, x, chosen) => {
    const group = document.createElementNS(SVG, "g");
    const add = (tag, attributes) => {
      const element = document.createElementNS(SVG, tag);
      Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
      group.append(element);
    };
    const [, top, , bottom] = panel.panel.box;
    const left = panel.left(x);
    group.setAttribute("class", "guide");
    add("line", { x1: left, x2: left, y1: top, y2: bottom });
    chosen.forEach(({ one, k }) => {
      const share = along(panel.panel.scale, panel.panel.y_range, one.y[k]);
      if (!(share >= 0 && share <= 1)) return;
      add("circle", { cx: panel.left(one.x[k]), cy: bottom + (top - bottom) * share, r: 3, fill: one.color || "currentColor" });
    });
    panel.svg.append(group);
    return group;
  };

  const interval = ({ one, k }) => (one.low ? ` [${number(one.low[k])}, ${number(one.high[k])}]` : "");

  // What stands in the box beside the pointer: the position, and a row for each series.
  const table = (panel, x, chosen) => {
    const element = make("table");
    const head = element.createCaption();
    write(head, `${panel.panel.title}: ${panel.panel.x.split("\n")[0]} ${position(panel.panel, x)}`);
    chosen.forEach((value) => {
      const row = element.insertRow();
      const name = make("th", "", value.one.name);
      name.style.setProperty("--series", value.one.color || "currentColor");
      row.append(name, make("td", "", number(value.one.y[value.k])), make("td", "", interval(value)));
    });
    return element;
  };

  const readable = (figure) => {
    const data = JSON.parse(figure.querySelector("script.curves").textContent);
    const canvas = figure.querySelector(".canvas");
    const pictures = [...canvas.querySelectorAll("svg.panel")];
    const panels = data.panels
      .map((panel, k) => new Panel(pictures[k] ?? canvas.querySelector("svg"), panel))
      .filter((panel) => panel.svg && panel.positions.length);
    if (!panels.length) return;
    const box = make("div", "values");
    const spoken = make("p", "spoken");
    const state = { panel: null, index: 0, guide: null };
    spoken.setAttribute("aria-live", "polite");
    box.hidden = true;
    figure.classList.add("readable");
    figure.append(box, spoken);
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "group");
    canvas.setAttribute("aria-label", "Curves: the arrow keys read their values, Page Up and Page Down change the panel");

    const hide = () => {
      state.guide?.remove();
      box.hidden = true;
    };
    const show = (panel, x) => {
      const chosen = panel.values(x);
      hide();
      Object.assign(state, { panel, index: panel.positions.indexOf(x), guide: mark(panel, x, chosen) });
      box.replaceChildren(table(panel, x, chosen));
      box.hidden = false;
      place(panel, x);
      return chosen;
    };
    // Beside the guide, on the side that has room, and never outside the figure.
    const place = (panel, x) => {
      const [, top] = panel.panel.box;
      const at = new DOMPoint(panel.left(x), top).matrixTransform(panel.svg.getScreenCTM());
      const frame = figure.getBoundingClientRect();
      const [left, width] = [at.x - frame.left, box.offsetWidth];
      const right = left + 12 + width > frame.width ? left - 12 - width : left + 12;
      box.style.left = `${Math.max(0, Math.min(right, frame.width - width))}px`;
      box.style.top = `${at.y - frame.top}px`;
    };

    canvas.addEventListener("pointermove", (event) => {
      const panel = panels.find((one) => one.point(event));
      if (panel) show(panel, panel.nearest(panel.point(event)));
      else hide();
    });
    canvas.addEventListener("pointerdown", (event) => {
      const panel = panels.find((one) => one.point(event));
      if (panel) show(panel, panel.nearest(panel.point(event)));
    });
    canvas.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") hide(); });
    canvas.addEventListener("blur", hide);
    addEventListener("resize", hide);
    const say = (panel, x, chosen) => {
      const texts = chosen.map((value) => `${plain(value.one.name)} ${number(value.one.y[value.k])}${interval(value)}`);
      spoken.textContent = `${plain(panel.panel.title)}, ${plain(panel.panel.x)} ${position(panel.panel, x)}: ${texts.join("; ")}`;
    };
    const move = (panelStep, step) => {
      const last = state.panel ?? panels[0];
      const panel = panels[(panels.indexOf(last) + panelStep + panels.length) % panels.length];
      const end = panel.positions.length - 1;
      const index = state.panel && !box.hidden ? Math.min(end, Math.max(0, state.index + step)) : Math.round(end / 2);
      const x = panel.positions[panelStep ? Math.min(end, state.index) : index];
      say(panel, x, show(panel, x));
    };
    const keys = { ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-1, 0], PageDown: [1, 0], Home: [0, -1e9], End: [0, 1e9] };
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { hide(); return; }
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      move(...keys[event.key]);
    });
  };

  document.querySelectorAll("figure.figure:has(> script.curves)").forEach(readable);
})();
