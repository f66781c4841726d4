/* Looks at the page as a reader does, and says so in TAP's way, in an element that the test reads. */
(() => {
  const said = [],
    el = id => document.getElementById(id);
  const ok = (good, what, more) =>
    said.push(
      (good ? "pass " : "fail ") + what + (good || more === undefined ? "" : ": " + JSON.stringify(more))
    );
  const press = (target, key, more) =>
    target.dispatchEvent(
      new KeyboardEvent("keydown", Object.assign({ key, bubbles: true, cancelable: true }, more))
    );
  const pixels = canvas => {
    const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data,
      colours = new Set();
    for (let i = 0; i < all.length; i += 4) colours.add((all[i] << 16) | (all[i + 1] << 8) | all[i + 2]);
    return colours;
  };
  const column = (host, n) =>
    [...host.querySelectorAll("tbody tr")].map(row => row.children[n].textContent);
  const numbers = words => words.map(word => Number(word.replace(/,/g, "")));
  const sorted = values => values.every((value, i) => i === 0 || values[i - 1] >= value);

  try {
    ok(document.documentElement.dataset.ready === "yes", "the page is ready");
    ok(window.pwned === undefined, "no name became a script", window.pwned);
    ok(
      !document.querySelector("img, iframe, object, embed, script[src], link[href^='http']"),
      "nothing is fetched"
    );
    ok(
      el("tiles").children.length === 6 && !/NaN|undefined|Infinity/.test(document.body.innerText),
      "figures are figures",
      (document.body.innerText.match(/.*(NaN|undefined|Infinity).*/) || [])[0]
    );
    ok(
      [...document.querySelectorAll("input, select, button, canvas, svg.chart")].every(
        e =>
          e.getAttribute("aria-label") ||
          e.textContent.trim() ||
          e.title ||
          (e.id && document.querySelector("label[for='" + e.id + "']"))
      ),
      "all that is used has a label"
    );

    if (!EMPTY) {
      map.paint();
      const colours = pixels(el("map"));
      ok(colours.size > 4, "the heat map is drawn", colours.size);
      /* A cell that is dirty, looked at closely, has the colour of its share. */
      const level = heat.level(0, 0),
        place = level.cells.findIndex(value => value > 0),
        at = { column: place % heat.columns, row: Math.floor(place / heat.columns) };
      map.look({ x0: at.column, x1: at.column + 1, y0: at.row, y1: at.row + 1 });
      map.paint();
      const plot = map.plot(),
        scale = el("map").width / el("map").clientWidth,
        x = plot.left + ((at.column + 0.5 - map.view.x0) / (map.view.x1 - map.view.x0)) * plot.width,
        y = plot.top + ((at.row + 0.5 - map.view.y0) / (map.view.y1 - map.view.y0)) * plot.height,
        got = [...el("map").getContext("2d").getImageData(x * scale, y * scale, 1, 1).data].slice(0, 3),
        dark = document.documentElement.dataset.theme === "dark",
        wanted = palette(dark, heat.low).css[level.cells[place]].match(/\d+/g).map(Number);
      ok(got.join() === wanted.join(), "a dirty cell has its colour", [got, wanted]);
      map.look(map.whole);
      /* Two cells as one have the mean of their shares. */
      const halved = heat.level(0, 1);
      let wrong = 0;
      for (let i = 0; i < halved.cells.length && heat.rows > 1; i++) {
        const row = Math.floor(i / heat.columns) * 2,
          column = i % heat.columns,
          one = level.cells[row * heat.columns + column],
          other = row + 1 < heat.rows ? level.cells[(row + 1) * heat.columns + column] : one,
          mean = (heat.shares[one] + heat.shares[other]) / 2;
        if (Math.abs(heat.shares[halved.cells[i]] - mean) > 0.08 * mean) wrong++;
      }
      ok(wrong === 0, "a coarser level is the mean of the finer one", wrong);
      ok(pixels(el("strip")).size > 2, "the strip above is drawn");
      const all = map.view.x1 - map.view.x0;
      press(el("map"), "+");
      map.paint();
      ok(map.view.x1 - map.view.x0 < all || heat.columns <= 6, "plus zooms in");
      press(el("map"), "ArrowRight");
      ok(
        /epoch|folded/.test(el("map-status").textContent),
        "the cursor says where it is",
        el("map-status").textContent
      );
      press(el("map"), "0");
      ok(map.view.x0 === 0 && map.view.x1 === heat.columns, "zero shows all");
      el("zoom-in").click();
      ok(map.view.y1 - map.view.y0 < heat.rows || heat.rows <= 6, "and so does the button");
      el("zoom-all").click();
      const frame = el("map").getBoundingClientRect();
      el("map").dispatchEvent(
        new PointerEvent("pointermove", {
          clientX: frame.left + frame.width / 2,
          clientY: frame.top + frame.height / 2,
          pointerId: 1
        })
      );
      ok(
        !el("map-tip").hidden && /dirty/.test(el("map-tip").textContent),
        "a cell is explained under the pointer",
        el("map-tip").textContent
      );
      el("jump").selectedIndex = 1;
      el("jump").dispatchEvent(new Event("change"));
      ok(
        map.view.y0 === 0 && (map.view.y1 < heat.rows || el("jump").options.length === 2),
        "one region can be looked at"
      );
      el("zoom-all").click();
      map.paint();

      ok(
        el("growth-bytes").querySelectorAll(".dot").length === data.growth.length,
        "the growth has all its points"
      );
      ok(
        el("growth-table").querySelectorAll("tbody tr").length === data.growth.length,
        "and a table of them"
      );

      const writers = el("writers"),
        before = column(writers, 1);
      ok(before.length > 0 && sorted(numbers(before)), "writers are sorted by pages", before.slice(0, 5));
      writers.querySelectorAll("th button")[1].click();
      ok(sorted(numbers(column(writers, 1)).reverse()), "and the other way round");
      ok(
        writers.querySelectorAll("th")[1].getAttribute("aria-sort") === "ascending",
        "which the head says"
      );
      writers.querySelectorAll("th button")[1].click();
      const search = el("writers-search");
      search.value = "nobody has such a name";
      search.dispatchEvent(new Event("input"));
      ok(/Nothing matches/.test(writers.textContent), "a search that finds nothing says so");
      search.value = "";
      search.dispatchEvent(new Event("input"));
      for (const tab of document.querySelectorAll("#writers-tabs button")) {
        tab.click();
        ok(
          tab.getAttribute("aria-selected") === "true" && column(writers, 1).length > 0,
          "writers by " + tab.dataset.by
        );
      }
      el("tab-function").click();
      const short = [...writers.querySelectorAll(".clamp")].filter(name => name.textContent.length < 24);
      ok(short.every(name => name.offsetHeight < 30), "short names are not broken", short.length);
      el("tab-stack").click();
      const first = writers.querySelector(".more");
      first.click();
      ok(
        first.getAttribute("aria-expanded") === "true" &&
          writers.querySelector("ol.frames").children.length > 0,
        "a stack unfolds"
      );
      const regions = el("regions"),
        rows = data.regions.length,
        name = regions.querySelector("tbody td .mono").textContent;
      el("regions-search").value = name;
      el("regions-search").dispatchEvent(new Event("input"));
      const found = regions.querySelectorAll("tbody tr").length;
      ok(found >= 1 && (found < rows || rows === 1), "regions are searched", [found, rows, name]);
      el("regions-search").value = "";
      el("regions-search").dispatchEvent(new Event("input"));
      ok(
        /TRAPPED/.test(el("evidence").textContent) &&
          /DECLARED.*kernel/.test(el("evidence").textContent) &&
          /ASSUMED.*apart/.test(el("evidence").textContent),
        "the evidence is told apart"
      );
      ok(/first/.test(el("writers-lead").textContent), "and writers are first writers");
    }

    const seen = [],
      grounds = [];
    for (let i = 0; i < 3; i++) {
      el("theme").click();
      if (!EMPTY) map.paint();
      seen.push(document.documentElement.dataset.theme);
      grounds.push(getComputedStyle(document.body).backgroundColor);
      /* Contrast as WCAG has it. */
      const light = text => {
        const [r, g, b] = text
          .match(/\d+/g)
          .map(v => v / 255)
          .map(v => (v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4)));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
      for (const chosen of ["h1", ".lead", "th", "td", ".status", ".tile dt", "button"]) {
        const element = document.querySelector(chosen);
        if (!element) continue;
        let ground = element;
        while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentNode;
        const r = ratio(getComputedStyle(element).color, getComputedStyle(ground).backgroundColor);
        if (r < 4.5) ok(false, "contrast of " + chosen + " in " + seen[i], r);
      }
    }
    ok(seen.includes("light") && seen.includes("dark") && new Set(grounds).size === 2, "both themes", [
      seen,
      grounds
    ]);
    if (EXPECT) ok(document.documentElement.innerText.includes(EXPECT), "it says: " + EXPECT);
  } catch (error) {
    ok(false, "the probe: " + error.stack);
  }
  ok(complaints.length === 0, "no errors, nothing refused", complaints);
  document.body.append(
    Object.assign(document.createElement("pre"), {
      id: "said",
      textContent: "\nSAID\n" + said.join("\n") + "\nSAID\n"
    })
  );
})();
