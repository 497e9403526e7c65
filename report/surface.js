// Surfaces that the reader turns; lib/landscape/plots/surfaces.py draws the same picture and packs the data.
// Without scripts, and on paper, that picture stands in their place.
(() => {
  const HINT = "Drag or press the arrow keys to turn, + and − to zoom, 0 to go back; point at the surface to read a value.";
  const LEAST = 250; // pixels a surface needs; narrower figures put them below each other
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const finite = (value) => typeof value === "number"; // "inf" and "nan" come as words
  const text = (value) => String(Number(value.toPrecision(4))).replace("-", "−");

  // A colour between the given ones, times a brightness, as CSS.
  const paint = (colours, share, brightness) => {
    const place = clamp(share, 0, 1) * (colours.length - 1);
    const low = Math.min(Math.floor(place), colours.length - 2);
    const channel = (colour, k) => parseInt(colour.slice(1 + 2 * k, 3 + 2 * k), 16);
    const mixed = [0, 1, 2].map((k) => {
      const from = channel(colours[low], k);
      return Math.round(brightness * (from + (place - low) * (channel(colours[low + 1], k) - from)));
    });
    return `rgb(${mixed.join(",")})`;
  };

  // A plane in its box: longer side from -1 to 1, heights from 0; its cells with their colours.
  const boxOf = (panel, data) => {
    const [hx, hy] = panel.halves;
    const along = (grid, half) =>
      grid.map((v) => (2 * (v - grid[0]) / (grid[grid.length - 1] - grid[0]) - 1) * half);
    const measure = data.scale.log ? Math.log10 : (value) => value;
    const [low, high] = [measure(data.scale.low), measure(data.scale.high)];
    const x = along(panel.alphas, hx);
    const y = along(panel.betas, hy);
    const z = panel.values.map((row) =>
      row.map((v) => (finite(v) ? (measure(v) - low) / (high - low) * data.height : NaN)));
    const cells = [];
    for (let i = 0; i + 1 < x.length; i++) {
      cells.push([]);
      for (let j = 0; j + 1 < y.length; j++) cells[i].push(cellOf(x, y, z, i, j, data));
    }
    return { ...panel, x, y, z, cells };
  };

  // Fill and edge of a cell in the light of its slope; null where a corner is not finite.
  const cellOf = (x, y, z, i, j, data) => {
    const mean = (z[i][j] + z[i + 1][j] + z[i + 1][j + 1] + z[i][j + 1]) / 4;
    if (!Number.isFinite(mean)) return null;
    const [dx, dy] = [x[i + 1] - x[i], y[j + 1] - y[j]];
    const [rise, fall] = [z[i + 1][j + 1] - z[i][j], z[i][j + 1] - z[i + 1][j]];
    const normal = [dy * fall - rise * dy, -dx * rise - dx * fall, 2 * dx * dy];
    const dot = normal.reduce((sum, part, k) => sum + part * data.light[k], 0);
    const light = 0.62 + 0.38 * Math.max(0, dot / Math.hypot(...normal));
    const share = mean / data.height;
    return [paint(data.colours, share, light), paint(data.colours, share, 0.78 * light)];
  };

  const turnable = (figure) => {
    const data = JSON.parse(figure.querySelector("script").textContent);
    const boxes = data.panels.map((panel) => boxOf(panel, data));
    const camera = {};
    const reset = () => Object.assign(camera, { azimuth: data.view[0], elevation: data.view[1], zoom: 1 });
    const canvas = document.createElement("canvas");
    const readout = document.createElement("p");
    const live = document.createElement("div");
    const pen = canvas.getContext("2d");
    const pointers = new Map();
    let found = null; // the grid point under the pointer
    let waiting = false;

    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", figure.querySelector("svg[aria-label]").getAttribute("aria-label"));
    canvas.setAttribute("aria-describedby", `${figure.id}--readout`);
    readout.id = `${figure.id}--readout`;
    readout.className = "readout";
    readout.textContent = HINT;
    live.className = "turning";
    live.append(canvas, readout);
    figure.insertBefore(live, figure.querySelector("figcaption"));
    figure.classList.add("live");
    reset();

    const redraw = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; draw(); });
    };

    const draw = () => {
      const count = boxes.length;
      const wide = Math.min(live.clientWidth, count > 1 ? 860 : 560);
      if (wide === 0) return; // on paper
      const columns = clamp(Math.floor(wide / LEAST), 1, count === 4 ? 2 : Math.min(count, 3));
      const width = wide / columns;
      const style = getComputedStyle(canvas);
      const titles = boxes.map((box) => titleLines(box.title, width - 16, style));
      const head = 20 * Math.max(...titles.map((lines) => lines.length));
      const height = Math.round(0.88 * width);
      const tall = Math.ceil(count / columns) * (height + head);
      const ratio = window.devicePixelRatio || 1;
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round(tall * ratio);
      canvas.style.width = `${wide}px`;
      canvas.style.height = `${tall}px`;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.strokeStyle = pen.fillStyle = style.color;
      pen.lineJoin = "round";
      boxes.forEach((box, k) => {
        const left = (k % columns) * width;
        const top = Math.floor(k / columns) * (height + head);
        pen.save();
        pen.font = `600 13px ${style.fontFamily}`;
        pen.textAlign = "left";
        titles[k].forEach((line, row) => pen.fillText(line, left + 4, top + 14 + 18 * row));
        pen.beginPath();
        pen.rect(left, top + head, width, height);
        pen.clip();
        drawBox(box, { left, top: top + head, width, height }, style);
        pen.restore();
      });
    };

    const titleLines = (title, room, style) => {
      pen.font = `600 13px ${style.fontFamily}`;
      return title.split(" ").reduce((lines, word) => {
        const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
        if (lines.length && pen.measureText(longer).width <= room) lines[lines.length - 1] = longer;
        else lines.push(word);
        return lines;
      }, []);
    };

    // From back to front: floor and walls, the surface, what was lost, then the axes.
    const drawBox = (box, place, style) => {
      const [turn, lift] = [camera.azimuth, camera.elevation].map((angle) => angle * Math.PI / 180);
      const [s, c, up, over] = [Math.sin(turn), Math.cos(turn), Math.cos(lift), Math.sin(lift)];
      const [hx, hy] = box.halves;
      const top = data.height;
      const needed = 2 * Math.hypot(hx, hy) * over + top * up + 0.85;
      const unit = Math.min(place.width / 3.5, place.height / needed) * camera.zoom;
      const centre = [place.left + place.width / 2 + 8, place.top + place.height / 2 + 4];
      const at = (x, y, z) => [
        centre[0] + unit * (x * c - y * s),
        centre[1] - unit * ((z - top / 2) * up + (x * s + y * c) * over),
      ];
      const line = (...points) => {
        pen.beginPath();
        points.forEach((point) => pen.lineTo(...at(...point)));
        pen.stroke();
      };
      const word = (string, x, y, z, align = "center") => {
        pen.textAlign = align;
        pen.textBaseline = "middle";
        pen.fillText(string, ...at(x, y, z));
      };
      const [nx, ny] = [s >= 0 ? -hx : hx, c >= 0 ? -hy : hy]; // the corner nearest to the reader
      const across = box.ticks[0].map(([share]) => (2 * share - 1) * hx);
      const along = box.ticks[1].map(([share]) => (2 * share - 1) * hy);
      const levels = data.scale.ticks.map(([share]) => share * top);

      pen.lineWidth = 0.7;
      pen.globalAlpha = 0.25;
      [-hx, ...across, hx].forEach((x) => line([x, -hy, 0], [x, hy, 0]));
      [-hy, ...along, hy].forEach((y) => line([-hx, y, 0], [hx, y, 0]));
      levels.forEach((z) => line([nx, -ny, z], [-nx, -ny, z], [-nx, ny, z]));
      [[nx, -ny], [-nx, -ny], [-nx, ny]].forEach(([x, y]) => line([x, y, 0], [x, y, top]));
      pen.globalAlpha = 1;

      box.screen = box.z.map((row, i) => row.map((z, j) => at(box.x[i], box.y[j], z)));
      box.order = [farFirst(box.x.length - 1, s), farFirst(box.y.length - 1, c)];
      drawCells(box);
      pen.lineWidth = 0.8;
      box.z.forEach((row, i) => row.forEach((z, j) => {
        if (!Number.isNaN(z)) return;
        const [x, y] = at(box.x[i], box.y[j], top);
        pen.beginPath();
        pen.moveTo(x - 2, y - 2); pen.lineTo(x + 2, y + 2);
        pen.moveTo(x - 2, y + 2); pen.lineTo(x + 2, y - 2);
        pen.stroke();
      }));

      pen.lineWidth = 1.1;
      line([-nx, ny, 0], [nx, ny, 0], [nx, -ny, 0]);
      pen.font = `11px ${style.fontFamily}`;
      const [ox, oy] = [Math.sign(nx), Math.sign(ny)];
      across.forEach((x, k) => word(box.ticks[0][k][1], x, ny + 0.17 * oy, -0.09));
      along.forEach((y, k) => word(box.ticks[1][k][1], nx + 0.17 * ox, y, -0.09));
      const [zx, zy] = at(nx, -ny, 0)[0] < at(-nx, ny, 0)[0] ? [nx, -ny] : [-nx, ny];
      if (up > 0.2) {
        line([zx, zy, 0], [zx, zy, top]);
        let last = Infinity;
        levels.forEach((z, k) => {
          const [, row] = at(zx, zy, z);
          if (last - row < 11) return; // seen from above, ticks close up
          word(`${data.scale.ticks[k][1]}\u2002`, zx, zy, z, "right");
          last = row;
        });
      }
      pen.font = `13px ${style.fontFamily}`;
      word(data.labels[0], 0, ny + 0.46 * oy, -0.09);
      word(data.labels[1], nx + 0.5 * ox, 0, -0.09);
      if (up > 0.2) word(data.labels[2], zx, zy, top + 0.14);
      if (found?.box === box) {
        pen.beginPath();
        pen.arc(...box.screen[found.i][found.j], 4, 0, 2 * Math.PI);
        pen.lineWidth = 2;
        pen.stroke();
      }
    };

    // Rows (or columns) of a grid from the farthest; later ones are farther where the sine is positive.
    const farFirst = (count, sine) => {
      const order = Array.from({ length: count }, (_, k) => k);
      return sine >= 0 ? order.reverse() : order;
    };

    const cornersOf = (box, i, j) =>
      [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]].map(([a, b]) => box.screen[a][b]);

    const outline = (corners) => {
      pen.beginPath();
      corners.forEach((corner) => pen.lineTo(...corner));
      pen.closePath();
    };

    const drawCells = (box) => {
      const ink = pen.strokeStyle;
      const plain = pen.fillStyle;
      pen.lineWidth = 0.6;
      box.order[0].forEach((i) => box.order[1].forEach((j) => {
        const cell = box.cells[i][j];
        if (!cell) return;
        outline(cornersOf(box, i, j));
        [pen.fillStyle, pen.strokeStyle] = cell;
        pen.fill();
        pen.stroke();
      }));
      [pen.fillStyle, pen.strokeStyle] = [plain, ink];
    };

    // The grid point nearest to a place on the canvas, on the cell that is in front there.
    const pick = (x, y) => {
      const inside = (corners) => {
        let odd = false;
        corners.forEach(([x1, y1], k) => {
          const [x2, y2] = corners[(k + 3) % 4];
          if ((y1 > y) !== (y2 > y) && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1) odd = !odd;
        });
        return odd;
      };
      let best = null;
      boxes.forEach((box) => box.order?.[0].forEach((i) => box.order[1].forEach((j) => {
        if (!box.cells[i][j] || !inside(cornersOf(box, i, j))) return;
        const distance = ([a, b]) => Math.hypot(box.screen[a][b][0] - x, box.screen[a][b][1] - y);
        const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
        const [a, b] = corners.reduce((near, next) => (distance(next) < distance(near) ? next : near));
        best = { box, i: a, j: b };
      })));
      return best;
    };

    const read = (event) => {
      found = pick(event.offsetX, event.offsetY);
      readout.textContent = HINT;
      if (found) {
        const { box, i, j } = found;
        const name = boxes.length > 1 ? `${box.title}: ` : "";
        const values = [box.alphas[i], box.betas[j], box.values[i][j]];
        readout.textContent = name + values.map((v, k) => `${data.labels[k]} = ${text(v)}`).join(", ");
      }
      redraw();
    };

    const turn = (azimuth, elevation) => {
      camera.azimuth = (camera.azimuth + azimuth) % 360;
      camera.elevation = clamp(camera.elevation + elevation, 0, 90);
      found = null;
      redraw();
    };
    const zoom = (factor) => {
      camera.zoom = clamp(camera.zoom * factor, 0.6, 6);
      redraw();
    };

    canvas.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, event);
      canvas.setPointerCapture(event.pointerId);
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
    canvas.addEventListener("pointerleave", () => {
      found = null;
      readout.textContent = HINT;
      redraw();
    });
    // A wheel turned in passing scrolls the page; after a click into the picture it zooms.
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 500));
    }, { passive: false });
    canvas.addEventListener("dblclick", () => { reset(); redraw(); });
    const keys = {
      ArrowLeft: () => turn(-6, 0), ArrowRight: () => turn(6, 0),
      ArrowUp: () => turn(0, 6), ArrowDown: () => turn(0, -6),
      "+": () => zoom(1.15), "=": () => zoom(1.15), "-": () => zoom(1 / 1.15),
      0: () => { reset(); redraw(); }, Home: () => { reset(); redraw(); },
    };
    canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new ResizeObserver(redraw).observe(live);
    draw();
  };

  document.querySelectorAll("figure.surface").forEach(turnable);
})();
