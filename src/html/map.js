/* The heat map as it is seen: a view into the cells, moved and zoomed. */
const map = (() => {
  const canvas = byId("map"),
    strip = byId("strip"),
    tip = byId("map-tip"),
    status = byId("map-status");
  const { bands, timeAt, columnAt } = places;
  const whole = { x0: 0, x1: heat.columns, y0: 0, y1: heat.rows };
  let view = Object.assign({}, whole),
    colours = palette(false, heat.low),
    wait = 0;
  const marks = { cursor: null, box: null };
  const AXIS = 26;

  const margin = () => (canvas.clientWidth < 600 ? 84 : 168);
  const plot = () => {
    const left = margin();
    return {
      left,
      top: 0,
      width: Math.max(10, canvas.clientWidth - left - 1),
      height: Math.max(10, canvas.clientHeight - AXIS)
    };
  };
  function levels(area) {
    const scale = devicePixelRatio || 1;
    return [
      heat.fit((view.x1 - view.x0) / (area.width * scale), heat.columns),
      heat.fit((view.y1 - view.y0) / (area.height * scale), heat.rows)
    ];
  }

  function prepare(target) {
    const scale = devicePixelRatio || 1;
    const width = Math.max(1, Math.round(target.clientWidth * scale)),
      height = Math.max(1, Math.round(target.clientHeight * scale));
    if (target.width !== width) target.width = width;
    if (target.height !== height) target.height = height;
    const context = target.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.font = "12px system-ui, sans-serif";
    return { context, scale };
  }

  function paintCells(context, area, scale) {
    const [kx, ky] = levels(area),
      level = heat.level(kx, ky);
    const width = Math.round(area.width * scale),
      height = Math.round(area.height * scale);
    const image = context.createImageData(width, height),
      pixels = new Uint32Array(image.data.buffer);
    const across = new Int32Array(width),
      stepX = Math.pow(2, kx),
      stepY = Math.pow(2, ky);
    for (let x = 0; x < width; x++)
      across[x] = Math.min(
        level.columns - 1,
        Math.floor((view.x0 + ((x + 0.5) * (view.x1 - view.x0)) / width) / stepX)
      );
    let before = -1;
    for (let y = 0; y < height; y++) {
      const row = Math.min(
        level.rows - 1,
        Math.floor((view.y0 + ((y + 0.5) * (view.y1 - view.y0)) / height) / stepY)
      );
      const to = y * width;
      if (row === before) {
        pixels.copyWithin(to, to - width, to);
        continue;
      }
      before = row;
      const from = row * level.columns;
      for (let x = 0; x < width; x++) pixels[to + x] = colours.colours[level.cells[from + across[x]]];
    }
    context.putImageData(image, Math.round(area.left * scale), Math.round(area.top * scale));
  }

  const yOf = (area, row) => area.top + ((row - view.y0) / (view.y1 - view.y0)) * area.height;
  const xOf = (area, column) => area.left + ((column - view.x0) / (view.x1 - view.x0)) * area.width;

  function fitText(context, words, width) {
    if (context.measureText(words).width <= width) return words;
    let low = 0,
      high = words.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (context.measureText("\u2026" + words.slice(words.length - middle)).width <= width) low = middle;
      else high = middle - 1;
    }
    return low ? "\u2026" + words.slice(words.length - low) : "";
  }

  function paintBands(context, area) {
    const ink = colour("ink"),
      soft = colour("soft"),
      line = colour("line");
    let last = -100;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const band of bands) {
      const top = Math.max(area.top, yOf(area, band.begin)),
        bottom = Math.min(area.top + area.height, yOf(area, band.end));
      if (bottom <= area.top || top >= area.top + area.height) continue;
      context.strokeStyle = line;
      context.globalAlpha = Math.min(1, Math.max(0, (bottom - top - 2) / 8));
      context.beginPath();
      context.moveTo(area.left - 6, Math.round(top) + 0.5);
      context.lineTo(area.left + area.width, Math.round(top) + 0.5);
      context.stroke();
      context.globalAlpha = 1;
      const middle = (top + bottom) / 2;
      if ((bottom - top < 11 && middle - last < 15) || middle - last < 13) continue;
      last = middle;
      context.fillStyle = bottom - top > 16 ? ink : soft;
      context.fillText(
        fitText(context, band.name, area.left - 16),
        area.left - 10,
        Math.min(Math.max(middle, 8), area.top + area.height - 7)
      );
      if (bottom - top > 46 && band.kind && band.kind !== band.name) {
        context.fillStyle = soft;
        context.fillText(band.kind, area.left - 10, middle + 15);
        last = middle + 15;
      }
    }
  }

  /* What is never dirty is folded, and hatched. */
  function paintGaps(context, area) {
    context.save();
    context.beginPath();
    for (const [begin, end] of data.map.gaps) {
      const top = Math.max(area.top, yOf(area, begin)),
        bottom = Math.min(area.top + area.height, yOf(area, end));
      if (bottom > top) context.rect(area.left, top, area.width, bottom - top);
    }
    context.clip();
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    context.beginPath();
    for (let x = area.left - area.height; x < area.left + area.width; x += 7) {
      context.moveTo(x, area.top + area.height);
      context.lineTo(x + area.height, area.top);
    }
    context.stroke();
    context.restore();
  }

  function paintAxis(context, area) {
    const begin = timeAt(view.x0),
      end = timeAt(view.x1),
      step = timeStep(end - begin, Math.max(2, area.width / 110));
    context.fillStyle = colour("soft");
    context.strokeStyle = colour("line");
    context.textBaseline = "alphabetic";
    let free = area.left - 30;
    for (let n = Math.ceil(begin / step - 1e-9); n * step <= end + step * 1e-9; n++) {
      const x = Math.round(xOf(area, columnAt(n * step))) + 0.5,
        words = time(Number((n * step).toPrecision(12)));
      context.beginPath();
      context.moveTo(x, area.height);
      context.lineTo(x, area.height + 5);
      context.stroke();
      const width = context.measureText(words).width;
      const at = Math.min(Math.max(x, area.left + width / 2), area.left + area.width - width / 2);
      if (at - width / 2 < free) continue;
      context.textAlign = "center";
      context.fillText(words, at, area.height + 19);
      free = at + width / 2 + 12;
    }
    context.strokeRect(area.left + 0.5, area.top + 0.5, area.width - 1, area.height - 1);
  }

  function paintCursor(context, area) {
    if (marks.box) {
      context.strokeStyle = colour("focus");
      context.lineWidth = 1.5;
      context.strokeRect(
        marks.box.x0,
        marks.box.y0,
        marks.box.x1 - marks.box.x0,
        marks.box.y1 - marks.box.y0
      );
      context.lineWidth = 1;
    }
    if (!marks.cursor || document.activeElement !== canvas) return;
    const x = xOf(area, marks.cursor.column + 0.5),
      y = yOf(area, marks.cursor.row + 0.5);
    for (const [style, width] of [
      [colour("card"), 3],
      [colour("focus"), 1.5]
    ]) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(area.left, y);
      context.lineTo(area.left + area.width, y);
      context.moveTo(x, area.top);
      context.lineTo(x, area.top + area.height);
      context.stroke();
    }
    context.lineWidth = 1;
  }

  function paintStrip() {
    const { context } = prepare(strip);
    const left = margin(),
      width = Math.max(10, strip.clientWidth - left - 1),
      height = strip.clientHeight - 8,
      top = 8;
    const most = data.map.most,
      mean = data.map.mean;
    let highest = 0;
    const from = Math.floor(view.x0),
      to = Math.min(heat.columns, Math.ceil(view.x1));
    for (let c = from; c < to; c++) highest = Math.max(highest, most[c]);
    if (!highest) highest = 1;
    const step = niceStep(highest, 3);
    const top0 = Math.max(highest, step);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (let n = 0; n * step <= top0 * 1.001; n++) {
      const y = Math.round(top + (height - top) * (1 - (n * step) / top0)) + 0.5;
      context.strokeStyle = colour("hair");
      context.beginPath();
      context.moveTo(left, y);
      context.lineTo(left + width, y);
      context.stroke();
      context.fillStyle = colour("soft");
      if (n > 0 || top0 === 1) context.fillText(count(n * step), left - 10, Math.max(y, 8));
    }
    context.fillStyle = colour("soft");
    context.fillText("dirty pages an epoch", left - 10, height - 2 > 0 ? height - 2 : 0);
    context.fillStyle = context.strokeStyle = colour("accent");
    /* The most of each pixel's epochs pale, their mean as a line with its area. */
    const line = new Path2D();
    for (let x = 0; x < width; x++) {
      const c0 = Math.floor(view.x0 + (x * (view.x1 - view.x0)) / width);
      const c1 = Math.max(c0 + 1, Math.floor(view.x0 + ((x + 1) * (view.x1 - view.x0)) / width));
      let highestHere = 0,
        sum = 0;
      for (let c = c0; c < c1 && c < heat.columns; c++) {
        highestHere = Math.max(highestHere, most[c]);
        sum += mean[c] / (c1 - c0);
      }
      const y = ((height - top) * sum) / top0;
      context.globalAlpha = 0.2;
      context.fillRect(
        left + x,
        height - ((height - top) * highestHere) / top0,
        1,
        ((height - top) * highestHere) / top0
      );
      context.globalAlpha = 0.25;
      context.fillRect(left + x, height - y, 1, y);
      if (x) line.lineTo(left + x + 0.5, height - y);
      else line.moveTo(left + x + 0.5, height - y);
    }
    context.globalAlpha = 1;
    context.lineWidth = 1.25;
    context.stroke(line);
    context.lineWidth = 1;
    context.globalAlpha = 1;
  }

  function paint() {
    wait = 0;
    const area = plot(),
      { context, scale } = prepare(canvas);
    paintCells(context, area, scale);
    paintGaps(context, area);
    paintBands(context, area);
    paintAxis(context, area);
    paintCursor(context, area);
    paintStrip();
  }
  const refresh = () => {
    if (!wait) wait = requestAnimationFrame(paint);
  };

  /* What is seen at a place: as many cells as one pixel stands for. */
  function cellAt(column, row) {
    const [kx, ky] = levels(plot()),
      level = heat.level(kx, ky),
      nx = Math.pow(2, kx),
      ny = Math.pow(2, ky);
    const c = Math.min(level.columns - 1, Math.floor(column / nx)),
      r = Math.min(level.rows - 1, Math.floor(row / ny));
    const part = heat.shares[level.cells[r * level.columns + c]];
    const c0 = c * nx,
      c1 = Math.min(heat.columns, c0 + nx),
      r0 = r * ny,
      r1 = Math.min(heat.rows, r0 + ny);
    return { part, c0, c1, r0, r1 };
  }

  const describe = (column, row) => places.describe(cellAt(column, row), row);

  function showTip(x, y) {
    const area = plot();
    if (x < area.left || x >= area.left + area.width || y >= area.height) {
      tip.hidden = true;
      return;
    }
    const column = view.x0 + ((x - area.left) / area.width) * (view.x1 - view.x0);
    const row = view.y0 + (y / area.height) * (view.y1 - view.y0);
    const lines = describe(Math.min(heat.columns - 1, column), Math.min(heat.rows - 1, Math.floor(row)));
    tip.replaceChildren(...lines.map((line, i) => make("div", null, i ? line : make("b", null, line))));
    tip.hidden = false;
    tip.style.left =
      (x + tip.offsetWidth + 24 > canvas.clientWidth ? x - tip.offsetWidth - 14 : x + 16) + "px";
    tip.style.top = Math.max(0, Math.min(y + 14, canvas.clientHeight - tip.offsetHeight)) + "px";
  }

  function announce() {
    const area = plot(),
      pages = data.map.pages;
    const parts =
      view.x1 - view.x0 >= heat.columns && view.y1 - view.y0 >= heat.rows
        ? "Everything is shown"
        : "Shown: " +
          time(timeAt(view.x0)) +
          "\u2013" +
          time(timeAt(view.x1)) +
          ", " +
          bands
            .filter(band => band.end > view.y0 && band.begin < view.y1)
            .slice(0, 3)
            .map(band => band.name)
            .join(", ");
    status.textContent = parts + ".";
    const [kx, ky] = levels(area);
    const epochs =
      data.map.epoch[Math.min(heat.columns, Math.floor(view.x0) + Math.pow(2, kx))] -
      data.map.epoch[Math.floor(view.x0)];
    let some = 0,
      row = Math.floor(view.y0);
    while (row < heat.rows - 1 && places.gapAt(row)) row++;
    for (let r = row; r < Math.min(heat.rows, row + Math.pow(2, ky)); r++) some += pages[r];
    byId("cell-size").textContent =
      "a cell here: " + plural(epochs, "epoch") + " \u00d7 " + plural(some, "page");
    byId("zoom-all").disabled =
      view.x0 === 0 && view.y0 === 0 && view.x1 === heat.columns && view.y1 === heat.rows;
  }

  function look(next) {
    const least = (size, n) => Math.min(n, Math.max(1, size));
    const wide = least(Math.max(next.x1 - next.x0, 6), heat.columns),
      high = least(Math.max(next.y1 - next.y0, 6), heat.rows);
    const x0 = Math.max(0, Math.min(heat.columns - wide, next.x0)),
      y0 = Math.max(0, Math.min(heat.rows - high, next.y0));
    view = { x0, x1: x0 + wide, y0, y1: y0 + high };
    tip.hidden = true;
    announce();
    refresh();
  }

  /* By `factor` around a place of the plot, in parts of it. */
  function zoom(factor, atX, atY, onlyX) {
    const wide = view.x1 - view.x0,
      high = view.y1 - view.y0;
    const w = Math.min(heat.columns, wide * factor),
      h = onlyX ? high : Math.min(heat.rows, high * factor);
    const x = view.x0 + wide * atX,
      y = view.y0 + high * atY;
    look({ x0: x - w * atX, x1: x - w * atX + w, y0: y - h * atY, y1: y - h * atY + h });
  }

  function start() {
    const jump = byId("jump");
    jump.append(make("option", { value: "" }, "All regions"));
    bands
      .slice()
      .sort((a, b) => b.end - b.begin - a.end + a.begin)
      .slice(0, 300)
      .sort((a, b) => a.begin - b.begin)
      .forEach(band =>
        jump.append(
          make(
            "option",
            { value: bands.indexOf(band) },
            band.full + (band.kind && band.kind !== band.full ? " (" + band.kind + ")" : "")
          )
        )
      );
    jump.addEventListener("change", () => {
      const band = bands[jump.value];
      look(jump.value === "" ? whole : { x0: view.x0, x1: view.x1, y0: band.begin, y1: band.end });
    });
    byId("zoom-in").addEventListener("click", () => zoom(0.5, 0.5, 0.5));
    byId("zoom-out").addEventListener("click", () => zoom(2, 0.5, 0.5));
    byId("zoom-all").addEventListener("click", () => {
      jump.value = "";
      look(whole);
    });
    new ResizeObserver(refresh).observe(canvas);
    takeInHand(map);
    look(whole);
  }

  function recolour(dark) {
    colours = palette(dark, heat.low);
    const steps = [];
    for (let i = 0; i <= 16; i++)
      steps.push(colours.css[Math.round(heat.low + ((255 - heat.low) * i) / 16)]);
    byId("ramp").style.background = "linear-gradient(to right," + steps.join(",") + ")";
    byId("ramp-low").textContent = "dirty in " + share(heat.shares[heat.low], 1);
    refresh();
  }

  return {
    start,
    recolour,
    look,
    zoom,
    paint,
    refresh,
    announce,
    plot,
    levels,
    describe,
    showTip,
    canvas,
    marks,
    whole,
    get view() {
      return view;
    },
    has: id => bands.some(band => band.id === id),
    showRegion(id) {
      const band = bands.find(candidate => candidate.id === id);
      if (!band) return false;
      look({ x0: 0, x1: heat.columns, y0: band.begin, y1: band.end });
      canvas.scrollIntoView({ block: "center" });
      return true;
    }
  };
})();
