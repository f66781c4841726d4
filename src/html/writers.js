/* Who was first to write, by stack, function, line, library, thread or region; and the regions. */
const writers = (() => {
  const names = {
    stack: "Stack",
    function: "Function",
    line: "Source line",
    library: "Library",
    thread: "Thread",
    region: "Region"
  };
  const stacks = new Map(data.stacks.map(stack => [stack[0], stack.slice(1)]));
  let table = null,
    chosen = null;

  function frameItem(index) {
    const frame = data.frames[index],
      module = frame[0] >= 0 ? text(frame[0]) : "",
      items = [];
    const where = (module ? base(module) : "no file") + "+" + frame[1];
    for (let i = 2; i < frame.length; i += 3) {
      const named = frame[i] >= 0,
        inlined = i + 3 < frame.length;
      const source =
        frame[i + 1] >= 0 ? base(text(frame[i + 1])) + (frame[i + 2] ? ":" + frame[i + 2] : "") : "";
      items.push(
        make(
          "li",
          {
            title:
              (frame[i + 1] >= 0 ? text(frame[i + 1]) + ":" + frame[i + 2] + "\n" : "") +
              (module || "") +
              "+" +
              frame[1]
          },
          make("code", null, named ? text(frame[i]) : where),
          make(
            "span",
            { class: "soft" },
            (source ? "  " + source : "") + (inlined ? "  (inlined)" : named ? "  " + where : "")
          )
        )
      );
    }
    return items;
  }

  function stackCell(label, detail, stack) {
    const frames = stacks.get(stack);
    if (!frames || !frames.length)
      return make("span", null, label, detail ? make("span", { class: "soft" }, detail) : null);
    const button = make(
      "button",
      { type: "button", class: "more", "aria-expanded": "false" },
      make("span", { class: "mono clamp" }, label)
    );
    const cell = make("div", null, button, detail ? make("span", { class: "soft" }, detail) : null);
    let list = null;
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") === "false";
      button.setAttribute("aria-expanded", open);
      if (!list) cell.append((list = make("ol", { class: "frames" }, ...frames.flatMap(frameItem))));
      list.hidden = !open;
    });
    return cell;
  }

  function stackLabel(frames) {
    return frames.slice(0, 3).map(frameName).join(" \u2190 ");
  }

  /* [name, detail, key, stack, pages, bytes, epochs, first, last] */
  function show(by) {
    chosen = by;
    const rows = data.writers[by].rows,
      most = rows.reduce((m, row) => Math.max(m, row[4]), 1);
    for (const tab of byId("writers-tabs").children) {
      tab.setAttribute("aria-selected", tab.dataset.by === by);
      tab.tabIndex = tab.dataset.by === by ? 0 : -1;
    }
    byId("writers").setAttribute("aria-labelledby", "tab-" + by);
    const label = row => {
      if (by !== "stack") return row[0] >= 0 ? text(row[0]) : "unknown";
      const frames = stacks.get(row[3]);
      return frames && frames.length ? stackLabel(frames) : "stack " + row[3];
    };
    const detail = row => (row[1] >= 0 ? text(row[1]) : "");
    const deep = row =>
      (stacks.get(row[3]) || [])
        .map(index => {
          const frame = data.frames[index];
          return [frame[0]]
            .concat(frame.slice(2).filter((_, i) => i % 3 < 2))
            .filter(i => i >= 0)
            .map(text)
            .join(" ");
        })
        .join(" ");
    table = sortedTable(
      byId("writers"),
      "First writers by " + names[by].toLowerCase(),
      [
        {
          name: names[by],
          wide: true,
          value: label,
          cell: row => stackCell(label(row), detail(row), row[3])
        },
        {
          name: "Pages first dirtied",
          number: true,
          sorted: true,
          value: row => row[4],
          cell: row => metered(count(row[4]), row[4] / most)
        },
        {
          name: "Share",
          number: true,
          value: row => row[4],
          cell: row => share(row[4], data.totals.pages)
        },
        { name: "Bytes", number: true, value: row => row[5], cell: row => bytes(row[5]) },
        { name: "Epochs", number: true, value: row => row[6], cell: row => count(row[6]) },
        { name: "First", number: true, value: row => row[7], cell: row => count(row[7]) },
        { name: "Last", number: true, value: row => row[8], cell: row => count(row[8]) }
      ],
      rows,
      row => label(row) + " " + detail(row) + " " + (by === "stack" ? deep(row) : ""),
      "No first writer is known: none was kept, or pages were not trapped."
    );
    const rest = data.writers[by].left;
    if (rest > 0)
      byId("writers").append(
        make(
          "p",
          { class: "soft" },
          plural(rest, "further row") + " with fewer pages left out of this page; --format json has them."
        )
      );
    table.search(byId("writers-search").value);
  }

  function start() {
    const tabs = byId("writers-tabs");
    for (const by in names) {
      const tab = make(
        "button",
        { type: "button", role: "tab", id: "tab-" + by, "aria-controls": "writers", "data-by": by },
        names[by]
      );
      tab.addEventListener("click", () => show(by));
      tabs.append(tab);
    }
    tabs.addEventListener("keydown", event => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const all = [...tabs.children],
        next = all[(all.findIndex(tab => tab.dataset.by === chosen) + step + all.length) % all.length];
      show(next.dataset.by);
      next.focus();
    });
    byId("writers-search").addEventListener("input", event => table.search(event.target.value));
    const unknown = data.totals.pages - data.totals.written;
    byId("writers-lead").textContent =
      "Who was the first to write a page in an epoch. Later writers of the same page in the same epoch " +
      "are not seen. " +
      (unknown > 0
        ? share(unknown, data.totals.pages) +
          " of the dirty pages have no known first writer: they were found by comparing, announced by or " +
          "for the kernel, or assumed."
        : "Every dirty page has a known first writer.");
    show(data.writers.function.rows.length ? "function" : "stack");
  }
  return { start };
})();

/* [id, kind, name, address, length, page size, pages, bytes, ever, once, epochs, written] */
const regions = (() => {
  function start() {
    const most = data.regions.reduce((m, row) => Math.max(m, row[6]), 1);
    const label = row => text(row[2]) || "[" + row[1] + "]";
    const table = sortedTable(
      byId("regions"),
      "Regions",
      [
        {
          name: "Region",
          wide: true,
          value: label,
          cell: row => {
            const name =
              row[6] && map.has(row[0])
                ? make("button", { type: "button", class: "link", title: "Show it in the map" }, label(row))
                : make("span", null, label(row));
            name.addEventListener("click", () => map.showRegion(row[0]));
            return make("div", null, name, make("span", { class: "soft mono" }, row[3]));
          }
        },
        { name: "Kind", value: row => row[1], cell: row => row[1] },
        { name: "Size", number: true, value: row => Number(row[4]), cell: row => bytes(row[4]) },
        {
          name: "Ever dirty",
          number: true,
          value: row => row[8] / Math.max(1, row[4] / row[5]),
          cell: row => share(row[8], row[4] / row[5])
        },
        {
          name: "Dirty pages",
          number: true,
          sorted: true,
          value: row => row[6],
          cell: row => metered(count(row[6]), row[6] / most)
        },
        { name: "Different", number: true, value: row => row[8], cell: row => count(row[8]) },
        { name: "Once only", number: true, value: row => row[9], cell: row => count(row[9]) },
        { name: "Epochs", number: true, value: row => row[10], cell: row => count(row[10]) },
        { name: "Bytes", number: true, value: row => row[7], cell: row => bytes(row[7]) }
      ],
      data.regions,
      row => label(row) + " " + row[1] + " " + row[3],
      "No region was watched."
    );
    byId("regions").prepend(
      make("p", { class: "lead" }, "Dirty pages count each page once an epoch; different ones once in all.")
    );
    if (data.regionsLeft > 0)
      byId("regions").append(
        make(
          "p",
          { class: "soft" },
          plural(data.regionsLeft, "further region") + " left out of this page; --format json has them."
        )
      );
    byId("regions-search").addEventListener("input", event => table.search(event.target.value));
  }
  return { start };
})();
