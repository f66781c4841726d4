/* A table that is sorted by its heads and searched as one types. Only some rows are in the page at a time. */
const PORTION = 100;

/* columns: { name, number, value(row), cell(row), first: "descending" }; words(row): what is searched. */
function sortedTable(host, label, columns, rows, words, empty) {
  let by = columns.findIndex(column => column.sorted),
    down = true,
    wanted = "",
    limit = PORTION;
  const body = make("tbody"),
    heads = [];
  const foot = make("div", { class: "foot" }),
    more = make("button", { type: "button" }),
    told = make("span", { role: "status", "aria-live": "polite" });

  columns.forEach((column, i) => {
    const button = make("button", { type: "button" }, column.name);
    const head = make("th", { scope: "col", class: column.number ? "number" : null }, button);
    button.addEventListener("click", () => {
      down = by === i ? !down : Boolean(column.number);
      by = i;
      limit = PORTION;
      fill();
    });
    heads.push(head);
  });

  const found = rows.map(row => words(row).toLowerCase());
  function fill() {
    const column = columns[by],
      parts = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    const order = [];
    rows.forEach((row, i) => {
      if (parts.every(part => found[i].includes(part))) order.push(i);
    });
    const keys = rows.map(row => column.value(row));
    const compare = column.number
      ? (a, b) => keys[a] - keys[b]
      : (a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : 0);
    order.sort((a, b) => (down ? compare(b, a) : compare(a, b)) || a - b);
    heads.forEach((head, i) =>
      head.setAttribute("aria-sort", i !== by ? "none" : down ? "descending" : "ascending")
    );
    body.replaceChildren(
      ...order
        .slice(0, limit)
        .map(i =>
          make(
            "tr",
            null,
            ...columns.map(c =>
              make("td", { class: c.number ? "number" : c.wide ? "name" : null }, c.cell(rows[i]))
            )
          )
        )
    );
    if (!order.length)
      body.append(
        make(
          "tr",
          null,
          make("td", { colspan: columns.length, class: "empty" }, rows.length ? "Nothing matches." : empty)
        )
      );
    more.hidden = order.length <= limit;
    more.textContent = "Show " + count(Math.min(PORTION, order.length - limit)) + " more";
    told.textContent =
      order.length === 0
        ? ""
        : (order.length > limit ? "first " + count(limit) + " of " : "") +
          plural(order.length, "row") +
          (parts.length ? " of " + count(rows.length) : "");
  }
  more.addEventListener("click", () => {
    limit += PORTION;
    fill();
  });
  foot.append(told, more);
  host.replaceChildren(
    make(
      "div",
      { class: "scroll" },
      make(
        "table",
        null,
        make("caption", { class: "hidden" }, label),
        make("thead", null, make("tr", null, ...heads)),
        body
      )
    ),
    foot
  );
  fill();
  return {
    search(value) {
      wanted = value;
      limit = PORTION;
      fill();
    }
  };
}

/* A figure with a bar that shows it as a part of the largest. */
function metered(words, part) {
  return make(
    "span",
    null,
    words,
    make("span", {
      class: "meter",
      style: "width:" + Math.max(1, Math.round(72 * part)) + "px",
      "aria-hidden": "true"
    })
  );
}
