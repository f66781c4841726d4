/* The map in the hand: pointer, wheel and keys. */
function takeInHand(map) {
  const { canvas, marks } = map,
    tip = byId("map-tip"),
    status = byId("map-status"),
    pointers = new Map();
  let drag = null;

  function place(event) {
    const area = map.plot(),
      frame = canvas.getBoundingClientRect(),
      x = event.clientX - frame.left,
      y = event.clientY - frame.top;
    const clamp = v => Math.max(0, Math.min(1, v));
    return { x, y, atX: clamp((x - area.left) / area.width), atY: clamp(y / area.height), area };
  }

  canvas.addEventListener(
    "wheel",
    event => {
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return;
      event.preventDefault();
      const { atX, atY } = place(event);
      map.zoom(
        Math.pow(1.0018, Math.max(-400, Math.min(400, event.deltaY * (event.deltaMode === 1 ? 30 : 1)))),
        atX,
        atY,
        event.altKey
      );
    },
    { passive: false }
  );

  canvas.addEventListener("pointerdown", event => {
    if (event.button > 0) return;
    const { x, y } = place(event);
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x, y });
    canvas.focus({ preventScroll: true });
    marks.cursor = null;
    if (pointers.size === 2) {
      const [a, b] = [...pointers.values()];
      drag = { pinch: Math.hypot(a.x - b.x, a.y - b.y) };
    } else if (event.shiftKey) {
      marks.box = { x0: x, y0: y, x1: x, y1: y };
      canvas.classList.add("boxing");
    } else {
      drag = { x, y, view: map.view };
      canvas.classList.add("dragging");
    }
  });
  canvas.addEventListener("pointermove", event => {
    const { x, y, area } = place(event);
    if (pointers.has(event.pointerId)) pointers.set(event.pointerId, { x, y });
    if (marks.box) {
      marks.box.x1 = x;
      marks.box.y1 = y;
      map.refresh();
    } else if (drag && drag.pinch && pointers.size === 2) {
      const [a, b] = [...pointers.values()],
        now = Math.hypot(a.x - b.x, a.y - b.y);
      if (now > 4)
        map.zoom(
          drag.pinch / now,
          ((a.x + b.x) / 2 - area.left) / area.width,
          (a.y + b.y) / 2 / area.height
        );
      drag.pinch = now;
    } else if (drag && drag.view) {
      const dx = ((drag.x - x) / area.width) * (drag.view.x1 - drag.view.x0),
        dy = ((drag.y - y) / area.height) * (drag.view.y1 - drag.view.y0);
      map.look({
        x0: drag.view.x0 + dx,
        x1: drag.view.x1 + dx,
        y0: drag.view.y0 + dy,
        y1: drag.view.y1 + dy
      });
    } else {
      map.showTip(x, y);
    }
  });
  const release = event => {
    pointers.delete(event.pointerId);
    if (marks.box) {
      const area = map.plot(),
        done = marks.box;
      marks.box = null;
      const part = (v, from, size) => Math.max(0, Math.min(1, (v - from) / size));
      const xs = [done.x0, done.x1].map(v => part(v, area.left, area.width)).sort((a, b) => a - b);
      const ys = [done.y0, done.y1].map(v => part(v, 0, area.height)).sort((a, b) => a - b);
      const w = map.view.x1 - map.view.x0,
        h = map.view.y1 - map.view.y0;
      if (Math.abs(done.x1 - done.x0) > 4 && Math.abs(done.y1 - done.y0) > 4)
        map.look({
          x0: map.view.x0 + w * xs[0],
          x1: map.view.x0 + w * xs[1],
          y0: map.view.y0 + h * ys[0],
          y1: map.view.y0 + h * ys[1]
        });
    }
    if (!pointers.size) drag = null;
    canvas.classList.remove("dragging", "boxing");
    map.refresh();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
  canvas.addEventListener("dblclick", event => {
    const { atX, atY } = place(event);
    map.zoom(event.shiftKey ? 2 : 0.5, atX, atY);
  });

  function moveCursor(dx, dy) {
    const [kx, ky] = map.levels(map.plot()),
      nx = Math.pow(2, kx),
      ny = Math.pow(2, ky);
    if (!marks.cursor)
      marks.cursor = {
        column: Math.floor((map.view.x0 + map.view.x1) / 2),
        row: Math.floor((map.view.y0 + map.view.y1) / 2)
      };
    else
      marks.cursor = {
        column: Math.max(0, Math.min(heat.columns - 1, marks.cursor.column + dx * nx)),
        row: Math.max(0, Math.min(heat.rows - 1, marks.cursor.row + dy * ny))
      };
    const w = map.view.x1 - map.view.x0,
      h = map.view.y1 - map.view.y0;
    if (
      marks.cursor.column < map.view.x0 ||
      marks.cursor.column >= map.view.x1 ||
      marks.cursor.row < map.view.y0 ||
      marks.cursor.row >= map.view.y1
    )
      map.look({
        x0: marks.cursor.column - w / 2,
        x1: marks.cursor.column + w / 2,
        y0: marks.cursor.row - h / 2,
        y1: marks.cursor.row + h / 2
      });
    status.textContent = map.describe(marks.cursor.column, marks.cursor.row).join(", ") + ".";
    map.refresh();
  }
  canvas.addEventListener("keydown", event => {
    const steps = event.shiftKey ? 10 : 1;
    const atX = marks.cursor ? (marks.cursor.column - map.view.x0) / (map.view.x1 - map.view.x0) : 0.5,
      atY = marks.cursor ? (marks.cursor.row - map.view.y0) / (map.view.y1 - map.view.y0) : 0.5;
    const keys = {
      ArrowLeft: () => moveCursor(-steps, 0),
      ArrowRight: () => moveCursor(steps, 0),
      ArrowUp: () => moveCursor(0, -steps),
      ArrowDown: () => moveCursor(0, steps),
      "+": () => map.zoom(0.5, atX, atY),
      "=": () => map.zoom(0.5, atX, atY),
      "-": () => map.zoom(2, atX, atY),
      0: () => map.look(map.whole),
      Escape: () => {
        marks.cursor = null;
        marks.box = null;
        map.announce();
        map.refresh();
      }
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    tip.hidden = true;
    keys[event.key]();
  });
  canvas.addEventListener("focus", map.refresh);
  canvas.addEventListener("blur", map.refresh);
}
