// Draws planes as surfaces in perspective-free boxes; surface.js turns them. The same picture as that of
// lib/landscape/plots/surfaces.py, which packs the data. The names here are seen by surface.js alone.
const surfaceView = (() => {
  const LEAST = 250; // pixels a surface needs; narrower figures put them below each other
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const finite = (value) => typeof value === "number"; // "inf" and "nan" come as words

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

  const heightOf = (value, data) => {
    const measure = data.scale.log ? Math.log10 : (number) => number;
    const [low, high] = [measure(data.scale.low), measure(data.scale.high)];
    return finite(value) ? clamp((measure(value) - low) / (high - low), 0, 1) * data.height : NaN;
  };

  // A plane in its box: longer side from -1 to 1, heights from 0; its cells with their colours.
  const boxOf = (panel, values, data) => {
    const [hx, hy] = panel.halves;
    const along = (grid, half) => (v) => (2 * (v - grid[0]) / (grid[grid.length - 1] - grid[0]) - 1) * half;
    const [toX, toY] = [along(panel.alphas, hx), along(panel.betas, hy)];
    const [x, y] = [panel.alphas.map(toX), panel.betas.map(toY)];
    const z = values.map((row) => row.map((v) => heightOf(v, data)));
    const cells = [];
    for (let i = 0; i + 1 < x.length; i++) {
      cells.push([]);
      for (let j = 0; j + 1 < y.length; j++) cells[i].push(cellOf(x, y, z, i, j, data));
    }
    const path = panel.path?.map(([a, b, v]) => [toX(a), toY(b), heightOf(v, data)]);
    return { ...panel, values, x, y, z, cells, path };
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

  // Where panels stand on a canvas of this width: columns, and the room above each for its title.
  const layout = (pen, boxes, wide, style) => {
    const columns = clamp(Math.floor(wide / LEAST), 1, boxes.length === 4 ? 2 : Math.min(boxes.length, 3));
    const width = wide / columns;
    pen.font = `600 13px ${style.fontFamily}`;
    const titles = boxes.map((box) => titleLines(pen, box.title, width - 16));
    const head = 20 * Math.max(...titles.map((lines) => lines.length)) + 18;
    const height = Math.round(0.84 * width);
    const tall = Math.ceil(boxes.length / columns) * (height + head);
    const places = boxes.map((_, k) => ({
      left: (k % columns) * width, top: Math.floor(k / columns) * (height + head) + head, width, height, head,
    }));
    return { tall, titles, places };
  };

  const titleLines = (pen, title, room) => title.split(" ").reduce((lines, word) => {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length && pen.measureText(longer).width <= room) lines[lines.length - 1] = longer;
    else lines.push(word);
    return lines;
  }, []);

  // The title, and the name of the height below it: beside the box it would lie on surfaces that are turned.
  const drawHead = (pen, lines, place, label, style) => {
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    pen.font = `600 13px ${style.fontFamily}`;
    const top = place.top - place.head;
    lines.forEach((line, row) => pen.fillText(line, place.left + 4, top + 14 + 18 * row));
    pen.font = `12px ${style.fontFamily}`;
    pen.fillText(`height: ${label}`, place.left + 4, place.top - 6);
  };

  // From back to front: floor and walls, the surface, what was lost, then the axes and the path.
  const drawBox = (pen, box, place, scene) => {
    const { data, camera, style } = scene;
    const [turn, lift] = [camera.azimuth, camera.elevation].map((angle) => angle * Math.PI / 180);
    const [s, c, up, over] = [Math.sin(turn), Math.cos(turn), Math.cos(lift), Math.sin(lift)];
    const [hx, hy] = box.halves;
    const top = data.height;
    const needed = 2 * Math.hypot(hx, hy) * over + top * up + 0.75;
    const unit = Math.min(place.width / (2 * Math.hypot(hx, hy) + 0.7), place.height / needed) * camera.zoom;
    const centre = [place.left + place.width / 2 + 8, place.top + place.height / 2 - 4];
    const at = (x, y, z) => [
      centre[0] + unit * (x * c - y * s),
      centre[1] - unit * ((z - top / 2) * up + (x * s + y * c) * over),
    ];
    const corner = [s >= 0 ? -hx : hx, c >= 0 ? -hy : hy]; // the one nearest to the reader
    const view = { box, at, corner, up, top, levels: data.scale.ticks.map(([share]) => share * top) };
    view.ticks = [0, 1].map((axis) => box.ticks[axis].map(([share]) => (2 * share - 1) * box.halves[axis]));
    drawFrame(pen, view);
    box.screen = box.z.map((row, i) => row.map((z, j) => at(box.x[i], box.y[j], z)));
    box.order = [farFirst(box.x.length - 1, s), farFirst(box.y.length - 1, c)];
    drawCells(pen, box);
    drawLost(pen, view);
    drawAxes(pen, view, data, style);
    if (box.path) drawPath(pen, view, scene);
    if (scene.found?.box === box) ring(pen, box.screen[scene.found.i][scene.found.j], 4, 2);
  };

  const stroke = (pen, view, ...points) => {
    pen.beginPath();
    points.forEach((point) => pen.lineTo(...view.at(...point)));
    pen.stroke();
  };

  const drawFrame = (pen, view) => {
    const [hx, hy] = view.box.halves;
    const [[nx, ny], [across, along]] = [view.corner, view.ticks];
    pen.lineWidth = 0.7;
    pen.globalAlpha = 0.25;
    [-hx, ...across, hx].forEach((x) => stroke(pen, view, [x, -hy, 0], [x, hy, 0]));
    [-hy, ...along, hy].forEach((y) => stroke(pen, view, [-hx, y, 0], [hx, y, 0]));
    view.levels.forEach((z) => stroke(pen, view, [nx, -ny, z], [-nx, -ny, z], [-nx, ny, z]));
    [[nx, -ny], [-nx, -ny], [-nx, ny]].forEach(([x, y]) => stroke(pen, view, [x, y, 0], [x, y, view.top]));
    pen.globalAlpha = 1;
  };

  // Crosses at the top of the box for points that are not finite.
  const drawLost = (pen, { box, at, top }) => {
    pen.lineWidth = 0.8;
    box.z.forEach((row, i) => row.forEach((z, j) => {
      if (!Number.isNaN(z)) return;
      const [x, y] = at(box.x[i], box.y[j], top);
      pen.beginPath();
      pen.moveTo(x - 2, y - 2); pen.lineTo(x + 2, y + 2);
      pen.moveTo(x - 2, y + 2); pen.lineTo(x + 2, y - 2);
      pen.stroke();
    }));
  };

  const drawAxes = (pen, view, data, style) => {
    const { box, at, corner: [nx, ny], ticks: [across, along], levels, up, top } = view;
    const word = (string, x, y, z, align = "center") => {
      pen.textAlign = align;
      pen.textBaseline = "middle";
      pen.fillText(string, ...at(x, y, z));
    };
    const [ox, oy] = [Math.sign(nx), Math.sign(ny)];
    pen.lineWidth = 1.1;
    stroke(pen, view, [-nx, ny, 0], [nx, ny, 0], [nx, -ny, 0]);
    pen.font = `11px ${style.fontFamily}`;
    across.forEach((x, k) => word(box.ticks[0][k][1], x, ny + 0.17 * oy, -0.09));
    along.forEach((y, k) => word(box.ticks[1][k][1], nx + 0.17 * ox, y, -0.09));
    const [zx, zy] = at(nx, -ny, 0)[0] < at(-nx, ny, 0)[0] ? [nx, -ny] : [-nx, ny];
    if (up > 0.2) {
      stroke(pen, view, [zx, zy, 0], [zx, zy, top]);
      let last = Infinity;
      levels.forEach((z, k) => {
        const [, row] = at(zx, zy, z);
        if (last - row < 11) return; // seen from above, ticks close up
        word(`${data.scale.ticks[k][1]}\u2002`, zx, zy, z, "right");
        last = row;
      });
    }
    pen.font = `13px ${style.fontFamily}`;
    // A name goes on away from its axis: centred, a long one would lie on the ticks.
    const name = (string, inner, outer) => {
      const aside = at(...outer)[0] - at(...inner)[0];
      word(string, ...outer, aside > 14 ? "left" : aside < -14 ? "right" : "center");
    };
    name(data.labels[0], [0, ny, -0.09], [0, ny + 0.42 * oy, -0.09]);
    name(data.labels[1], [nx, 0, -0.09], [nx + 0.42 * ox, 0, -0.09]);
  };

  // The whole path thin, the part that was gone bold, its start open, and a marker where it stands. In light
  // and dark at once, it is seen on all colours of the surface.
  const drawPath = (pen, view, { stop }) => {
    const points = view.box.path.map((point) => view.at(...point));
    const trail = (count, width, colour) => {
      pen.beginPath();
      points.slice(0, count).forEach((point) => pen.lineTo(...point));
      [pen.lineWidth, pen.strokeStyle] = [width, colour];
      pen.stroke();
    };
    pen.save();
    trail(points.length, 3, "#ffffff");
    trail(points.length, 1.2, "#101418");
    trail(stop + 1, 4.6, "#ffffff");
    trail(stop + 1, 2.6, "#d1601f");
    disc(pen, points[0], 4, "#ffffff", "#101418");
    disc(pen, points[stop], 6, "#d1601f", "#ffffff");
    pen.restore();
  };

  const disc = (pen, point, radius, fill, edge) => {
    pen.fillStyle = fill;
    pen.beginPath();
    pen.arc(...point, radius, 0, 2 * Math.PI);
    pen.fill();
    pen.strokeStyle = edge;
    pen.lineWidth = 1.6;
    pen.stroke();
  };

  const ring = (pen, point, radius, width) => {
    pen.beginPath();
    pen.arc(...point, radius, 0, 2 * Math.PI);
    pen.lineWidth = width;
    pen.stroke();
  };

  // Rows (or columns) of a grid from the farthest; later ones are farther where the sine is positive.
  const farFirst = (count, sine) => {
    const order = Array.from({ length: count }, (_, k) => k);
    return sine >= 0 ? order.reverse() : order;
  };

  const cornersOf = (box, i, j) =>
    [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]].map(([a, b]) => box.screen[a][b]);

  const drawCells = (pen, box) => {
    const [ink, plain] = [pen.strokeStyle, pen.fillStyle];
    pen.lineWidth = 0.6;
    box.order[0].forEach((i) => box.order[1].forEach((j) => {
      const cell = box.cells[i][j];
      if (!cell) return;
      pen.beginPath();
      cornersOf(box, i, j).forEach((corner) => pen.lineTo(...corner));
      pen.closePath();
      [pen.fillStyle, pen.strokeStyle] = cell;
      pen.fill();
      pen.stroke();
    }));
    [pen.fillStyle, pen.strokeStyle] = [plain, ink];
  };

  // The grid point nearest to a place on the canvas, on the cell that is in front there.
  const pick = (boxes, x, y) => {
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

  return { boxOf, clamp, drawBox, drawHead, layout, pick };
})();
