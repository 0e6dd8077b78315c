/** Read and write CSV (RFC 4180). */

/** @typedef {{ row: number, cells: string[] }} Row  A row and its number in the file, from 1. */

/** Rows of cells; blank lines are left out. Throws an Error that names the row. @param {string} text */
export function parseCsv(text) {
  /** @type {Row[]} */
  const rows = [];
  /** @type {string[]} */
  let cells = [];
  let row = 1;
  let place = text.startsWith("\ufeff") ? 1 : 0;
  const quoted = /"((?:[^"]|"")*)"/y;
  const plain = /[^,\r\n]*/y;
  while (place < text.length || cells.length) {
    const pattern = text[place] === '"' ? quoted : plain;
    pattern.lastIndex = place;
    const found = pattern.exec(text);
    if (!found) throw new Error(`row ${row}: a quote is not closed`);
    place = pattern.lastIndex;
    cells.push(pattern === quoted ? found[1].replaceAll('""', '"') : found[0]);
    const separator = text[place];
    if (separator === ",") {
      place += 1;
      continue;
    }
    if (separator !== undefined && separator !== "\r" && separator !== "\n") {
      throw new Error(`row ${row}: text after a closing quote`);
    }
    place += text.startsWith("\r\n", place) ? 2 : 1;
    if (cells.length > 1 || found[0] !== "") rows.push({ row, cells });
    cells = [];
    row += 1;
  }
  return rows;
}

/** The text of rows of cells, quoted where necessary. @param {unknown[][]} rows */
export function formatCsv(rows) {
  const quote = (/** @type {string} */ cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  return rows.map((cells) => `${cells.map((cell) => quote(String(cell))).join(",")}\r\n`).join("");
}
