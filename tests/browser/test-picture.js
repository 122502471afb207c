// Reads the machine-readable strip of camherd's test picture (docs/ref/test-picture.md) from a canvas:
//
//     const code = read(context.getImageData(0, 0, canvas.width, canvas.height));
//     code.sequence, code.capturedMs
//
// Throws a ReadError whose `kind` is "size", "contrast", "finder" or "crc".

const COLUMNS = 36;
const ROWS = 3;
const GRID_ROWS = 30;
// Finder columns at either end.
const FINDER = 2;
// Least difference between mean white and mean black.
const MIN_CONTRAST = 48;
// Smallest picture: a cell has two by two pixels.
const MIN_WIDTH = 72;
const MIN_HEIGHT = 60;

export class ReadError extends Error {
  constructor(kind, message) {
    super(message);
    this.name = "ReadError";
    this.kind = kind;
  }
}

/** The code in a whole picture of any size from 72x60: `{ sequence, capturedMs }`. */
export function read(image) {
  const { width, height } = image;
  if (width < MIN_WIDTH || height < MIN_HEIGHT) {
    throw new ReadError("size", `${width}x${height} is too small, ${MIN_WIDTH}x${MIN_HEIGHT} is needed`);
  }
  const means = [];
  for (let row = 0; row < ROWS; row++) {
    means.push(Array.from({ length: COLUMNS }, (_, column) => sample(image, column, row)));
  }
  const threshold = findThreshold(means);
  const cells = means.map((line) => line.map((mean) => mean > threshold));
  for (const [column, row] of finderCells()) {
    if (cells[row][column] !== isWhiteFinder(column, row)) {
      throw new ReadError("finder", `the finder cell at column ${column}, row ${row} has the wrong colour`);
    }
  }
  return fromCells(cells);
}

/** The code in 3 rows of 36 booleans; true is white. */
export function fromCells(cells) {
  const bits = cells.flatMap((line) => line.slice(FINDER, COLUMNS - FINDER));
  const bytes = new Uint8Array(12);
  bits.forEach((white, i) => {
    bytes[i >> 3] |= white ? 0x80 >> (i & 7) : 0;
  });
  const view = new DataView(bytes.buffer);
  const found = view.getUint16(10);
  const computed = crc16(bytes.subarray(0, 10));
  if (found !== computed) throw new ReadError("crc", `the CRC is ${found}, the bits give ${computed}`);
  // 48 bits: too many for the bit operators, which have 32, but not for a number.
  return { sequence: view.getUint32(0), capturedMs: view.getUint16(4) * 2 ** 32 + view.getUint32(6) };
}

// CRC-16/IBM-3740: polynomial 0x1021, start 0xFFFF.
function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}

// Mean luma (BT.601) of the middle half of a cell.
function sample({ data, width, height }, column, row) {
  const [x0, x1] = middle(width, column, COLUMNS);
  const [y0, y1] = middle(height, GRID_ROWS - ROWS + row, GRID_ROWS);
  let sum = 0;
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const at = 4 * (y * width + x);
      sum += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
    }
  }
  return sum / ((x1 - x0) * (y1 - y0));
}

function middle(length, index, parts) {
  const start = Math.floor((length * (4 * index + 1)) / (4 * parts));
  return [start, Math.max(Math.floor((length * (4 * index + 3)) / (4 * parts)), start + 1)];
}

function findThreshold(means) {
  let white = 0;
  let black = 0;
  for (const [column, row] of finderCells()) {
    if (isWhiteFinder(column, row)) white += means[row][column];
    else black += means[row][column];
  }
  // Six cells of each.
  const difference = (white - black) / (FINDER * ROWS);
  if (difference < MIN_CONTRAST) {
    throw new ReadError("contrast", `white is ${difference} above black, ${MIN_CONTRAST} are needed`);
  }
  return (white + black) / (2 * FINDER * ROWS);
}

function isWhiteFinder(column, row) {
  return (column + row) % 2 === 0;
}

function* finderCells() {
  for (let row = 0; row < ROWS; row++) {
    for (const column of [0, 1, COLUMNS - 2, COLUMNS - 1]) yield [column, row];
  }
}
