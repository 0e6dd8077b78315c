/** Blocks of rows and columns: how many a picture has, and which part of the tensor each one is. */

/** @typedef {{ rows: number, columns: number, lines: number, width: number }} Grid  Blocks of a matrix of lines x width. */

/** In a picture. */
const MOST_ROWS = 128;
const MOST_COLUMNS = 160;

/** The tensor as a matrix, the first axis by all others, and its blocks. @param {number[]} shape @returns {Grid} */
export function gridOf(shape) {
  const size = shape.reduce((product, side) => product * side, 1);
  const lines = shape.length > 1 ? shape[0] : 1;
  const width = lines ? size / lines : 0;
  return { rows: Math.min(lines, MOST_ROWS), columns: Math.min(width, MOST_COLUMNS), lines, width };
}

/**
 * The first row and column of a block, and those behind its last.
 * @param {Grid} grid
 * @param {number} flat  The place of the block in the picture.
 */
export function boundsOf({ rows, columns, lines, width }, flat) {
  const [row, column] = [Math.floor(flat / columns), flat % columns];
  const [top, bottom] = [row, row + 1].map((each) => Math.floor((each * lines) / rows));
  const [left, right] = [column, column + 1].map((each) => Math.floor((each * width) / columns));
  return { top, bottom, left, right };
}

/**
 * The slice around a block that can be shown value by value, in NumPy's notation: of a tensor of
 * two axes rows and columns, of another the rows.
 * @param {number[]} shape
 * @param {Grid} grid
 * @param {number} flat
 */
export function sliceAround(shape, grid, flat) {
  const { top, bottom, left, right } = boundsOf(grid, flat);
  if (shape.length === 1) return widened(left, right, 64, shape[0]);
  const across = widened(left, right, 16, shape[1]);
  return shape.length === 2 ? `${widened(top, bottom, 64, shape[0])},${across}` : `${top}:${Math.max(bottom, top + 1)}`;
}

/** A range of at least `least` if there are so many. @param {number} from @param {number} to @param {number} least @param {number} end */
function widened(from, to, least, end) {
  const start = Math.max(0, Math.min(from, end - least));
  return `${start}:${Math.min(end, Math.max(to, start + least))}`;
}
