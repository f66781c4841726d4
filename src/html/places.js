/* What lies where in the map: which region's pages a row is, which epochs a column. */
const places = (() => {
  const regions = new Map(data.regions.map(region => [region[0], region]));

  /* Neighbouring rows of one region. */
  const bands = [];
  data.map.region.forEach((id, row) => {
    const last = bands[bands.length - 1];
    if (last && last.id === id) last.end = row + 1;
    else bands.push({ id, begin: row, end: row + 1 });
  });
  /* Most anonymous memory has the same name: its address tells more. */
  const known = new Map();
  for (const band of bands) {
    const name = regions.has(band.id) ? text(regions.get(band.id)[2]) : "";
    known.set(name, (known.get(name) || 0) + 1);
  }
  for (const band of bands) {
    const region = regions.get(band.id),
      name = region ? text(region[2]) : "several small regions",
      many = region && region[1] === "anon" && known.get(name) > 1;
    band.kind = region ? region[1] : "";
    band.name = !region ? "small regions" : many ? region[3].slice(2) : base(name) || region[1];
    band.full = many ? region[3] : name || band.kind;
  }
  const gapAt = row => data.map.gaps.find(gap => row >= gap[0] && row < gap[1]);
  const bandAt = row => bands.find(band => row < band.end);

  const timeAt = column => {
    const c = Math.max(0, Math.min(heat.columns, column)),
      low = Math.min(heat.columns - 1, Math.floor(c));
    return data.map.time[low] + (data.map.time[low + 1] - data.map.time[low]) * (c - low);
  };
  const columnAt = t => {
    let low = 0,
      high = heat.columns;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (data.map.time[middle] < t) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    const begin = data.map.time[low - 1],
      end = data.map.time[low];
    return low - 1 + (end > begin ? (t - begin) / (end - begin) : 0);
  };

  const range = (a, b) => (a === b ? a : a + "\u2013" + b);

  function addresses(region, first, last) {
    const size = BigInt(region[5]),
      begin = BigInt(region[3]) + BigInt(data.map.page[first]) * size,
      end = BigInt(region[3]) + (BigInt(data.map.page[last]) + BigInt(data.map.pages[last])) * size;
    return "0x" + begin.toString(16) + "\u2013" + (end - 1n).toString(16);
  }

  /* In words, for columns [c0, c1) and rows [r0, r1), of which `row` is pointed at. */
  function describe({ part, c0, c1, r0, r1 }, row) {
    const band = bandAt(row),
      region = regions.get(band.id),
      gap = gapAt(row),
      lines = [band.full + (band.kind && band.kind !== band.full ? " (" + band.kind + ")" : "")];
    if (gap) {
      if (region) lines.push(addresses(region, gap[0], gap[0]));
      lines.push(plural(data.map.pages[gap[0]], "page") + ", never dirty: folded here");
      return lines;
    }
    let pages = 0;
    for (let r = r0; r < r1; r++) if (!gapAt(r)) pages += data.map.pages[r];
    if (region && bandAt(r1 - 1) === band && !gapAt(r1 - 1) && !gapAt(r0))
      lines.push(addresses(region, r0, r1 - 1) + ", " + plural(pages, "page"));
    else lines.push(plural(pages, "page") + (region ? ", and more beside" : ""));
    const e0 = data.map.first[c0],
      e1 = data.map.last[c1 - 1];
    lines.push(
      (e0 === e1 ? "epoch " : "epochs ") +
        range(count(e0), count(e1)) +
        ", " +
        range(time(timeAt(c0)), time(timeAt(c1)))
    );
    lines.push(part === 0 ? "never dirty" : "dirty in " + share(part, 1) + " of pages and epochs");
    return lines;
  }

  return { bands, gapAt, timeAt, columnAt, describe };
})();
