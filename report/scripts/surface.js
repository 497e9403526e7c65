// Surfaces that the reader turns, with a slider over training where the data has one. Without scripts, and
// on paper, a picture stands in their place. surface_view.js draws.
(() => {
  const { boxOf, clamp, drawBox, drawHead, layout, pick } = surfaceView;
  const HINT = "Drag or press the arrow keys to turn, + and − to zoom, 0 to go back. Point at the surface, "
    + "or press Shift and an arrow key, to read a value.";
  const text = (value) => String(Number(value.toPrecision(4))).replace("-", "−");

  const make = (tag, className, content = "") => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    // λ_max has its index below the line.
    content.split(/(_[a-z]+)/).filter(Boolean).forEach((part) => {
      if (part[0] !== "_") { element.append(part); return; }
      element.append(make("sub", "", part.slice(1)));
    });
    return element;
  };

  const turnable = (figure) => {
    const data = JSON.parse(figure.querySelector("script").textContent);
    const canvas = make("canvas");
    const readout = make("p", "readout", HINT);
    const live = make("div", "turning");
    const pen = canvas.getContext("2d");
    const scene = { data, camera: {}, found: null, stop: data.slider ? data.slider.stops.length - 1 : 0 };
    const known = data.panels.map(() => []); // boxes by stop, made when they are first seen
    let boxes = [];
    let waiting = false;

    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", figure.querySelector(".canvas [aria-label]").getAttribute("aria-label"));
    canvas.setAttribute("aria-describedby", `${figure.id}--readout`);
    readout.id = `${figure.id}--readout`;
    readout.setAttribute("aria-live", "polite");
    live.append(canvas, readout);
    figure.insertBefore(live, figure.querySelector("figcaption"));
    figure.classList.add("live");

    const reset = () => Object.assign(scene.camera, { azimuth: data.view[0], elevation: data.view[1], zoom: 1 });
    const choose = () => {
      boxes = data.panels.map((panel, k) => {
        const place = panel.frames ? scene.stop : 0;
        return known[k][place] ??= boxOf(panel, panel.frames ? panel.frames[place] : panel.values, data);
      });
    };
    const redraw = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; draw(); });
    };

    const draw = () => {
      const wide = Math.min(live.clientWidth, boxes.length > 1 ? 860 : 560);
      if (wide === 0) return; // on paper
      const style = scene.style = getComputedStyle(canvas);
      const { tall, titles, places } = layout(pen, boxes, wide, style);
      const ratio = window.devicePixelRatio || 1;
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round(tall * ratio);
      canvas.style.width = `${wide}px`;
      canvas.style.height = `${tall}px`;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.strokeStyle = pen.fillStyle = style.color;
      pen.lineJoin = "round";
      boxes.forEach((box, k) => {
        drawHead(pen, titles[k], places[k], data.labels[2], style);
        pen.save();
        pen.beginPath();
        pen.rect(places[k].left, places[k].top, places[k].width, places[k].height);
        pen.clip();
        drawBox(pen, box, places[k], scene);
        pen.restore();
      });
    };

    const show = (found) => {
      scene.found = found;
      readout.textContent = HINT;
      if (found) {
        const { box, i, j } = found;
        const name = boxes.length > 1 ? `${box.title}: ` : "";
        const values = [box.alphas[i], box.betas[j], box.values[i][j]];
        readout.textContent = name + values.map((v, k) => `${data.labels[k]} = ${text(v)}`).join(", ");
      }
      redraw();
    };
    const read = (event) => show(pick(boxes, event.offsetX, event.offsetY));
    // The value beside the last one; the first is that of the middle of the first surface.
    const step = (di, dj) => {
      const box = scene.found?.box ?? boxes[0];
      const last = [box.x.length - 1, box.y.length - 1];
      const [i, j] = scene.found ? [scene.found.i + di, scene.found.j + dj] : last.map((n) => Math.round(n / 2));
      show({ box, i: clamp(i, 0, last[0]), j: clamp(j, 0, last[1]) });
    };

    const turn = (azimuth, elevation) => {
      scene.camera.azimuth = (scene.camera.azimuth + azimuth) % 360;
      scene.camera.elevation = clamp(scene.camera.elevation + elevation, 0, 90);
      redraw();
    };
    const zoom = (factor) => {
      scene.camera.zoom = clamp(scene.camera.zoom * factor, 0.6, 6);
      redraw();
    };

    if (data.slider) live.insertBefore(sliderOf(figure, data, scene, () => {
      const { found } = scene;
      choose();
      // The value that is read stays at its place, on the new surface.
      show(found && { ...found, box: boxes.find((box) => box.title === found.box.title) });
    }), readout);
    listen(canvas, { read, show, turn, zoom, step, reset: () => { reset(); redraw(); } });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    addEventListener("themechange", redraw); // the reader's own choice
    new ResizeObserver(redraw).observe(live);
    reset();
    choose();
    draw();
  };

  // A slider over the moments of training, and a table of what was measured at each.
  const sliderOf = (figure, data, scene, changed) => {
    const { name, stops, facts } = data.slider;
    const group = make("div", "stops");
    const label = make("label", "", name);
    const slider = make("input");
    const moment = make("output");
    const table = make("table");
    const head = table.createTHead().insertRow();
    ["", ...facts].forEach((fact) => head.append(make("th", "", fact)));
    const rows = data.panels.map((panel) => {
      const row = table.createTBody().insertRow();
      row.append(make("th", "", panel.title), ...facts.map(() => make("td")));
      return [...row.cells].slice(1);
    });
    Object.assign(slider, { type: "range", min: 0, max: stops.length - 1, step: 1, value: scene.stop });
    slider.id = `${figure.id}--slider`;
    label.htmlFor = moment.htmlFor = slider.id;
    const fill = () => {
      moment.textContent = stops[scene.stop];
      slider.setAttribute("aria-valuetext", stops[scene.stop]);
      data.panels.forEach((panel, k) => {
        rows[k].forEach((cell, fact) => { cell.textContent = panel.facts[fact][scene.stop]; });
      });
    };
    slider.addEventListener("input", () => {
      scene.stop = Number(slider.value);
      fill();
      changed();
    });
    fill();
    group.append(label, slider, moment, table);
    return group;
  };

  // Pointers, wheel and keys on a canvas.
  const listen = (canvas, { read, show, turn, zoom, step, reset }) => {
    const pointers = new Map();
    canvas.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, event);
      canvas.setPointerCapture(event.pointerId);
      if (event.pointerType === "touch") read(event); // a finger does not hover
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) { read(event); return; }
      const other = [...pointers.values()].find((one) => one.pointerId !== event.pointerId);
      if (other) {
        const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
        zoom(apart(event) / Math.max(1, apart(before)));
        turn(0, (event.clientY - before.clientY) / 4);
      } else {
        turn((event.clientX - before.clientX) / 2, (event.clientY - before.clientY) / 2);
      }
      pointers.set(event.pointerId, event);
    });
    ["pointerup", "pointercancel"].forEach((name) =>
      canvas.addEventListener(name, (event) => pointers.delete(event.pointerId)));
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") show(null);
    });
    // A wheel turned in passing scrolls the page; after a click into the picture it zooms.
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 500));
    }, { passive: false });
    canvas.addEventListener("dblclick", reset);
    const keys = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
      "+": 1.15, "=": 1.15, "-": 1 / 1.15, 0: 0, Home: 0,
    };
    canvas.addEventListener("keydown", (event) => {
      const key = keys[event.key];
      if (key === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      if (key === 0) reset();
      else if (typeof key === "number") zoom(key);
      else if (event.shiftKey) step(...key);
      else turn(6 * key[0], 6 * key[1]);
    });
  };

  document.querySelectorAll("figure.surface").forEach(turnable);
})();
