/* The heat map's cells, and what they come to when several become one: levels are made when they are
   needed. */
const LEVEL_STEPS = 24; /* powers of two below "always" that can be told apart */

const heat = (() => {
  const columns = data.map.columns,
    rows = data.map.rows;
  const shares = new Float64Array(256);
  for (let v = 1; v < 256; v++) shares[v] = Math.pow(2, (v / 255 - 1) * LEVEL_STEPS);

  /* Literal pieces and runs, see map.c. */
  function unpack(packed) {
    const cells = new Uint8Array(columns * rows);
    let from = 0,
      to = 0;
    while (from < packed.length && to < cells.length) {
      const control = packed[from++];
      if (control < 128) {
        cells.set(packed.subarray(from, from + control + 1), to);
        from += control + 1;
        to += control + 1;
        continue;
      }
      let length = control - 125;
      if (control === 255) {
        length = 0;
        let scale = 1;
        for (;;) {
          const byte = packed[from++];
          length += (byte & 127) * scale;
          if (byte < 128) break;
          scale *= 128;
        }
      }
      cells.fill(packed[from++], to, to + length);
      to += length;
    }
    return cells;
  }

  function decode(base64) {
    const text = atob(base64),
      packed = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
    return unpack(packed);
  }

  const source = byId("cells");
  const first = columns && rows ? decode(source.textContent.trim()) : new Uint8Array(0);
  source.remove();
  const levels = new Map([["0,0", { cells: first, columns, rows }]]);

  const quantum = s =>
    s > 0 ? Math.max(1, Math.min(255, Math.round(255 * (1 + Math.log2(s) / LEVEL_STEPS)))) : 0;
  /* The level of the mean of two levels: it depends on their difference only, so a table has it. */
  const mean = new Uint8Array(256); /* [difference]: to be taken from the higher */
  for (let d = 0; d < 256; d++) mean[d] = 255 - quantum((1 + Math.pow(2, (-d * LEVEL_STEPS) / 255)) / 2);
  const half = 255 - quantum(0.5); /* the other is zero */
  function meanOf(a, b) {
    if (a === b) return a;
    if (a < b) [a, b] = [b, a];
    return Math.max(1, a - (b === 0 ? half : mean[a - b]));
  }

  /* 2^x columns and 2^y rows as one. */
  function level(x, y) {
    const key = x + "," + y;
    if (levels.has(key)) return levels.get(key);
    const across = x > y || y === 0;
    const from = across ? level(x - 1, y) : level(x, y - 1);
    const wide = across ? (from.columns + 1) >> 1 : from.columns,
      high = across ? from.rows : (from.rows + 1) >> 1;
    const cells = new Uint8Array(wide * high),
      old = from.cells;
    for (let row = 0; row < high; row++) {
      for (let column = 0; column < wide; column++) {
        let a, b;
        if (across) {
          const at = row * from.columns + 2 * column;
          a = old[at];
          b = 2 * column + 1 < from.columns ? old[at + 1] : a;
        } else {
          const at = 2 * row * from.columns + column;
          a = old[at];
          b = 2 * row + 1 < from.rows ? old[at + from.columns] : a;
        }
        cells[row * wide + column] = meanOf(a, b);
      }
    }
    const made = { cells, columns: wide, rows: high };
    levels.set(key, made);
    return made;
  }

  /* How coarse a level may be for so many cells a pixel. */
  function fit(perPixel, size) {
    let n = 0;
    while (Math.pow(2, n + 1) <= perPixel + 0.001 && Math.pow(2, n) < size) n++;
    return n;
  }

  /* The colours begin where all but the rarest cells do, so that what there is can be told apart. */
  const low = (() => {
    const counts = new Uint32Array(256);
    for (let i = 0; i < first.length; i++) counts[first[i]]++;
    let left = (first.length - counts[0]) / 100,
      v = 1;
    while (v < 224 && (left -= counts[v]) > 0) v++;
    return v;
  })();

  return { columns, rows, level, fit, shares, low, at: (column, row) => first[row * columns + column] };
})();

/* 256 colours, from the paper's to the hottest. */
function palette(dark, low) {
  const stops = dark
    ? [
        [16, 17, 21],
        [48, 20, 74],
        [120, 28, 96],
        [200, 52, 66],
        [246, 126, 40],
        [252, 200, 84],
        [255, 248, 214]
      ]
    : [
        [247, 245, 240],
        [253, 226, 150],
        [250, 176, 84],
        [236, 106, 52],
        [192, 42, 62],
        [116, 18, 82],
        [40, 8, 58]
      ];
  const colours = new Uint32Array(256);
  const css = [];
  for (let v = 0; v < 256; v++) {
    /* What is dirty at all is told from what is not. */
    const part = Math.max(0, v - low) / (255 - low),
      at = v === 0 ? 0 : (0.12 + 0.88 * part) * (stops.length - 1);
    const stop = Math.min(stops.length - 2, Math.floor(at));
    const mixed = [0, 1, 2].map(i =>
      Math.round(stops[stop][i] + (stops[stop + 1][i] - stops[stop][i]) * (at - stop))
    );
    colours[v] = ((255 << 24) | (mixed[2] << 16) | (mixed[1] << 8) | mixed[0]) >>> 0;
    css.push("rgb(" + mixed.join(",") + ")");
  }
  return { colours, css };
}
