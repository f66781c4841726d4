/* The rest of the page, and its beginning. */
function tiles() {
  const t = data.totals,
    host = byId("tiles");
  const tile = (name, value, detail) =>
    host.append(
      make(
        "div",
        { class: "tile" },
        make("dt", null, name),
        make("dd", null, value, detail ? make("small", null, detail) : null)
      )
    );
  const seconds = t.seconds;
  tile(
    "Recorded",
    time(seconds),
    plural(t.epochs, "epoch") + (data.run.interval ? ", asked for every " + time(data.run.interval) : "")
  );
  tile("Pages an epoch", count(t.median), "the median; the most " + count(t.peak));
  tile("Dirtied", bytes(seconds ? t.bytes / seconds : 0) + "/s", bytes(t.bytes) + " in all");
  tile("Different pages", count(t.ever), bytes(t.everBytes) + "; watched at once: " + bytes(t.watched));
  tile("Written again", share(t.ever - t.once, t.ever), plural(t.once, "page") + " in one epoch only");
  tile("Write faults", count(t.faults), seconds ? count(t.faults / seconds) + " a second" : null);
}

function parts(bar, list, items, whole, unit) {
  byId(bar).replaceChildren(
    ...items
      .filter(item => item.value > 0)
      .map(item =>
        make("i", { style: "width:" + (100 * item.value) / whole + "%;background:" + item.colour })
      )
  );
  byId(list).replaceChildren(
    ...items.map(item =>
      make(
        "li",
        null,
        make("i", { style: "background:" + item.colour }),
        make(
          "span",
          null,
          item.name,
          item.detail ? make("span", { class: "soft" }, " \u2013 " + item.detail) : null
        ),
        make("b", null, unit(item.value) + " \u00b7 " + share(item.value, whole))
      )
    )
  );
}

function evidence() {
  const words = {
    trapped: ["TRAPPED", "a write fault was seen"],
    verified: ["VERIFIED", "the content differs from the last epoch's"],
    declared: ["DECLARED", "the kernel wrote it, or it was announced"],
    assumed: ["ASSUMED", "made writable in bulk: may be unwritten, counted apart"],
    other: ["OTHER", "of a kind that this version does not know"]
  };
  const items = data.totals.evidence
    .filter(([kind, pages]) => pages > 0 || kind !== "other")
    .map(([kind, pages]) => ({
      name: words[kind][0],
      detail: words[kind][1],
      value: pages,
      colour: "var(--kind-" + kind + ")"
    }));
  parts("evidence-bar", "evidence", items, data.totals.pages, value => plural(value, "page"));
}

function coverage() {
  const c = data.coverage;
  if (Array.isArray(c)) {
    byId("coverage-note").textContent =
      "The trace does not say which share of the program's memory was watched.";
    byId("coverage-bar").hidden = true;
    return;
  }
  const names = {
    stacks: "stacks",
    tls: "thread-local storage",
    libc: "libc's own",
    own: "the recorder's own",
    "not-asked": "kinds not asked for",
    refused: "refused by the tracker",
    other: "other"
  };
  const greys = ["#8c8577", "#a49d8f", "#746e63", "#bbb5a8", "#5f5a51", "#d2cdc2", "#98948b"];
  const items = [{ name: "watched", value: c.watched, colour: "var(--watched)" }].concat(
    c.unwatched
      .filter(([, size]) => size > 0)
      .map(([reason, size], i) => ({
        name: "not watched: " + (names[reason] || reason),
        value: size,
        colour: greys[i % greys.length]
      }))
  );
  parts("coverage-bar", "coverage", items, c.writable, bytes);
  byId("coverage-note").textContent =
    "Of " +
    bytes(c.writable) +
    " that the program can write to, in epoch " +
    count(c.epoch) +
    ". " +
    plural(c.threads, "thread") +
    (c.unshielded
      ? ", of which " +
        count(c.unshielded) +
        " without the shield: what the kernel writes for them may be missing."
      : ", all with the shield.");
}

function facts() {
  const r = data.run,
    e = data.end === -1 ? null : data.end,
    host = byId("facts");
  const fact = (name, value) => {
    if (value) host.append(make("dt", null, name), make("dd", null, value));
  };
  fact("Program", text(r.exe));
  fact("Process", r.pid + (r.origin ? ", " + r.origin : ""));
  fact(
    "Engine, policy",
    r.engine + ", " + r.policy + (r.overhead ? ", overhead at most " + r.overhead + " %" : "")
  );
  fact("Stacks", r.depth ? plural(r.depth, "frame") + " at most" : "none");
  fact("Page", bytes(r.pageSize));
  fact("Machine", [text(r.machine), text(r.kernel)].filter(Boolean).join(", Linux "));
  fact("Recorded by", "writewatch " + text(r.writer));
  fact(
    "Ended",
    e
      ? e.how + (e.text >= 0 ? ": " + text(e.text) : "")
      : "the trace has no end: the program was killed, or still runs"
  );
}

function remarks() {
  const host = byId("remarks");
  const list = (title, items, left) => {
    if (items.length)
      host.append(
        make("h3", null, title),
        make(
          "ul",
          { class: "plain", tabindex: items.length > 12 ? "0" : null, "aria-label": title },
          ...items.map(item => make("li", null, item)),
          left > 0 ? make("li", { class: "soft" }, plural(left, "further one")) : null
        )
      );
  };
  list(
    "Remarks of the recorder",
    data.notes.map(([t, , words]) => time(t) + ": " + text(words)),
    data.notesLeft
  );
  list(
    "Children",
    data.children.map(
      c =>
        time(c[0]) +
        ": " +
        c[2] +
        " of " +
        c[1] +
        (c[3] ? ", recorded in " + text(c[4]) : ", not recorded" + (c[5] >= 0 ? ": " + text(c[5]) : ""))
    ),
    data.childrenLeft
  );
  list(
    "Marked epochs",
    data.labels.map(([t, n, words]) => time(t) + ": epoch " + count(n) + ", " + text(words)),
    data.labelsLeft
  );
  list(
    "Names that are missing",
    data.troubles.map(([path, words]) => (text(path) || "code made at run time") + ": " + text(words)),
    0
  );
}

function warnings() {
  const say = words =>
    byId("warnings").append(make("div", { class: "warning", role: "note" }, make("p", null, words)));
  data.warnings.forEach(index => say(text(index)));
  if (data.totals.epochs && !data.totals.pages)
    say(
      "Nothing of what was watched was dirtied. That is a finding only if the program's memory was watched: " +
        "see coverage below."
    );
}

/* auto, light, dark, in turn. A page from file:// may not be allowed to remember it. */
function themes() {
  const system = matchMedia("(prefers-color-scheme: dark)"),
    button = byId("theme"),
    all = ["auto", "light", "dark"];
  let theme = "auto";
  try {
    theme = localStorage.getItem("writewatch-theme") || "auto";
  } catch (error) {
    theme = "auto";
  }
  if (!all.includes(theme)) theme = "auto";
  function apply() {
    const dark = theme === "dark" || (theme === "auto" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    button.textContent = "Theme: " + theme;
    button.setAttribute(
      "aria-label",
      "Colours: " + (theme === "auto" ? "as the system has them" : theme) + ". Press to change"
    );
    map.recolour(dark);
  }
  button.addEventListener("click", () => {
    theme = all[(all.indexOf(theme) + 1) % all.length];
    try {
      localStorage.setItem("writewatch-theme", theme);
    } catch (error) {
      /* not remembered */
    }
    apply();
  });
  system.addEventListener("change", apply);
  apply();
}

function begin() {
  const r = data.run,
    words = text(r.arguments) || text(r.exe) || "unknown program";
  byId("command").textContent = words;
  byId("command").title = words;
  document.title = "writewatch: " + words.slice(0, 80);
  byId("when").textContent =
    (r.started
      ? new Date(r.started).toLocaleString(undefined, { dateStyle: "long", timeStyle: "medium" }) + ", "
      : "") +
    "process " +
    r.pid;
  themes();
  tiles();
  warnings();
  if (heat.columns && heat.rows) map.start();
  else {
    for (const id of ["strip", "map-plot", "map-keys", "map-status"]) byId(id).hidden = true;
    byId("map-plot")
      .parentNode.querySelectorAll(".legend, .tools")
      .forEach(element => {
        element.hidden = true;
      });
    byId("map-plot").after(
      make(
        "p",
        { class: "empty" },
        "There is nothing to draw: no page was dirty in the epochs that are reported."
      )
    );
  }
  growth.start();
  writers.start();
  regions.start();
  evidence();
  coverage();
  facts();
  remarks();
  document.documentElement.dataset.ready = "yes";
}
begin();
