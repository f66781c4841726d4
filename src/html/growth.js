/* What a checkpoint costs, by its interval: two curves and a table. */
const growth = (() => {
  const HEIGHT = 240,
    LEFT = 82,
    RIGHT = 14,
    TOP = 14,
    BOTTOM = 42;

  function curve(svg, points, unit, ideal) {
    const WIDTH = Math.max(300, svg.clientWidth);
    svg.replaceChildren();
    svg.setAttribute("viewBox", "0 0 " + WIDTH + " " + HEIGHT);
    if (!points.length) return;
    const log = Math.log2,
      xs = points.map(p => log(p.x)),
      most = Math.max(...points.map(p => p.y), 1e-9);
    const x0 = xs[0],
      x1 = Math.max(xs[xs.length - 1], x0 + 1);
    let top = Math.pow(2, Math.floor(log(most)));
    while (top < most) top *= 2;
    if (top * 0.75 >= most) top *= 0.75;
    const X = x => LEFT + ((log(x) - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT),
      Y = y => HEIGHT - BOTTOM - (y / top) * (HEIGHT - TOP - BOTTOM);
    for (let i = 0; i <= 4; i++) {
      const value = (top * i) / 4,
        y = Math.round(Y(value)) + 0.5;
      svg.append(
        draw("line", { class: i ? "grid" : "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y }),
        draw("text", { x: LEFT - 10, y: y + 4, "text-anchor": "end" }, bytes(value) + unit)
      );
    }
    let free = -1;
    points.forEach(p => {
      const x = X(p.x),
        words = time(p.x);
      const half = words.length * 3.4;
      const at = Math.min(x, WIDTH - half);
      if (at - half > free) {
        svg.append(draw("text", { x: at, y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, words));
        free = at + half + 8;
      }
      svg.append(
        draw("line", { class: "axis", x1: x, x2: x, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 4 })
      );
    });
    svg.append(
      draw(
        "text",
        { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 4, "text-anchor": "middle" },
        "interval between checkpoints"
      )
    );
    if (ideal) {
      /* If no page were ever written twice. */
      const shown = points.filter(p => ideal(p) <= top);
      if (shown.length > 1)
        svg.append(
          draw("path", {
            class: "ideal",
            d: "M" + shown.map(p => X(p.x).toFixed(1) + " " + Y(ideal(p)).toFixed(1)).join("L")
          })
        );
    }
    svg.append(
      draw("path", {
        class: "curve",
        d: "M" + points.map(p => X(p.x).toFixed(1) + " " + Y(p.y).toFixed(1)).join("L")
      })
    );
    points.forEach((p, i) => {
      const group = draw("g", {
        class: "point",
        tabindex: "0",
        role: "img",
        "aria-label": time(p.x) + ": " + bytes(p.y) + unit
      });
      group.append(draw("title", {}, time(p.x) + " (" + plural(p.k, "epoch") + "): " + bytes(p.y) + unit));
      group.append(draw("circle", { class: "hit", cx: X(p.x), cy: Y(p.y), r: 12, fill: "transparent" }));
      group.append(draw("circle", { class: "dot", cx: X(p.x), cy: Y(p.y), r: 4 }));
      if (i === 0 || i === points.length - 1)
        group.append(
          draw(
            "text",
            {
              class: "value",
              x: i ? WIDTH - RIGHT : X(p.x) + 9,
              y: Y(p.y) + (Y(p.y) < 36 ? 22 : -11),
              "text-anchor": i ? "end" : "start"
            },
            bytes(p.y) + unit
          )
        );
      svg.append(group);
    });
  }

  function start() {
    const points = data.growth.filter(g => g.seconds > 0);
    const both = () => {
      curve(
        byId("growth-bytes"),
        points.map(g => ({ x: g.seconds, y: g.bytes, k: g.epochs })),
        "",
        points.length ? p => (points[0].bytes * p.k) / points[0].epochs : null
      );
      curve(
        byId("growth-rate"),
        points.map(g => ({ x: g.seconds, y: g.bytes / g.seconds, k: g.epochs })),
        "/s",
        null
      );
    };
    both();
    let width = byId("growth-bytes").clientWidth;
    new ResizeObserver(() => {
      if (byId("growth-bytes").clientWidth !== width) both();
      width = byId("growth-bytes").clientWidth;
    }).observe(byId("growth-bytes"));
    if (points.length)
      byId("growth-bytes").parentNode.append(
        make("p", { class: "soft small" }, "Dotted: if no page were written twice.")
      );
    const table = make(
      "table",
      null,
      make("caption", { class: "hidden" }, "Growth of the dirty set with the interval"),
      make(
        "thead",
        null,
        make(
          "tr",
          null,
          ...["Epochs", "Interval", "Pages", "Bytes", "At most", "Bandwidth"].map(name =>
            make("th", { scope: "col", class: "number" }, make("span", null, name))
          )
        )
      ),
      make(
        "tbody",
        null,
        ...points.map(g =>
          make(
            "tr",
            null,
            ...[
              count(g.epochs),
              time(g.seconds),
              count(g.pages),
              bytes(g.bytes),
              bytes(g.most),
              bytes(g.bytes / g.seconds) + "/s"
            ].map(value => make("td", { class: "number" }, value))
          )
        )
      )
    );
    byId("growth-table").append(table);
  }
  return { start };
})();
