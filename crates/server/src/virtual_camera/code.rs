//! The machine-readable strip of the test picture: which frame this is and when it was taken.
//!
//! The picture is divided into 36 columns and 30 rows; the strip is the last three rows. Four of its columns are a
//! fixed finder pattern that also gives the levels of black and white, the other 32 carry 96 bits. All positions are
//! fractions of the picture, so the strip is read at any size. The full text is in `docs/ref/test-picture.md`; the
//! readers in Python and JavaScript follow the same page and the same vectors.

/// Columns of the strip, over the whole width of the picture.
pub const COLUMNS: usize = 36;
/// Rows of the strip.
pub const ROWS: usize = 3;
/// Rows of strip height that make the whole height of the picture.
const GRID_ROWS: usize = 30;
/// Finder columns at either end.
const FINDER: usize = 2;
/// Luma of a black cell. Inside the limited range, so a mix-up of ranges on the way clips nothing.
pub const BLACK: u8 = 16;
/// Luma of a white cell, for the same reason.
pub const WHITE: u8 = 235;
/// Least difference between mean white and mean black, of 219 as drawn; below it lies what is left of no strip at all.
const MIN_CONTRAST: u32 = 48;
/// Smallest picture that the strip is read from: a cell has two by two pixels.
pub const MIN_WIDTH: usize = 72;
/// Smallest picture that the strip is read from: a cell has two by two pixels.
pub const MIN_HEIGHT: usize = 60;
/// Bits of the capture time: milliseconds since 1970 fit until the year 10889.
const TIME_MASK: u64 = (1 << 48) - 1;

/// What the strip says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// Number of the frame, from 0, wrapping at 2^32.
    pub sequence: u32,
    /// When the frame was taken, in milliseconds since 1970-01-01 UTC; only the low 48 bits are carried.
    pub captured_ms: u64,
}

/// The strip as cells, row by row from the top; `true` is white.
pub type Cells = [[bool; COLUMNS]; ROWS];

/// A luma plane to read from.
#[derive(Clone, Copy, Debug)]
pub struct Luma<'a> {
    /// Samples, row after row, `stride` apart.
    pub data: &'a [u8],
    /// Samples per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Distance between the starts of two rows, at least `width`.
    pub stride: usize,
}

/// Why no code was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The picture is too small for cells of two by two pixels.
    #[error("a picture of {width}x{height} is too small for the strip, which needs {MIN_WIDTH}x{MIN_HEIGHT}")]
    TooSmall {
        /// Width of the picture.
        width: usize,
        /// Height of the picture.
        height: usize,
    },
    /// The plane holds fewer samples than its dimensions say.
    #[error("the luma plane ends before its last row")]
    ShortPlane,
    /// Black and white of the finder hardly differ: this is probably not a test picture.
    #[error("the finder's white is only {0} above its black, {MIN_CONTRAST} are needed")]
    Contrast(i32),
    /// A cell of the finder pattern has the wrong colour.
    #[error("the finder cell at column {column}, row {row} has the wrong colour")]
    Finder {
        /// Column of the cell, 0 to 35.
        column: usize,
        /// Row of the cell, 0 to 2.
        row: usize,
    },
    /// The check sum does not fit: a cell was misread.
    #[error("the strip's CRC is {found:#06x}, its bits give {computed:#06x}")]
    Crc {
        /// As read.
        found: u16,
        /// As computed from the bits read.
        computed: u16,
    },
}

impl Code {
    /// The code as cells.
    #[must_use]
    pub fn cells(self) -> Cells {
        let time = self.captured_ms & TIME_MASK;
        let crc = u64::from(crc(&self.bytes()));
        let rows = [u64::from(self.sequence), time >> 16, (time & 0xFFFF) << 16 | crc];
        let mut cells = [[false; COLUMNS]; ROWS];
        for (row, (line, bits)) in cells.iter_mut().zip(rows).enumerate() {
            for (column, cell) in line.iter_mut().enumerate() {
                *cell = match column.checked_sub(FINDER).filter(|bit| *bit < 32) {
                    Some(bit) => bits >> (31 - bit) & 1 == 1,
                    None => finder(column, row),
                };
            }
        }
        cells
    }

    /// The code that `cells` carry; the finder columns are not looked at.
    ///
    /// # Errors
    /// [`ReadError::Crc`] when the check sum does not fit.
    pub fn from_cells(cells: &Cells) -> Result<Code, ReadError> {
        let [first, second, third] = cells.each_ref().map(|line| {
            line.iter().skip(FINDER).take(32).fold(0u64, |bits, white| bits << 1 | u64::from(*white))
        });
        let code = Code { sequence: first as u32, captured_ms: second << 16 | third >> 16 };
        let (found, computed) = (third as u16, crc(&code.bytes()));
        if found == computed { Ok(code) } else { Err(ReadError::Crc { found, computed }) }
    }

    /// What the check sum covers: frame number (4 bytes) and time (6 bytes), big-endian.
    fn bytes(self) -> [u8; 10] {
        let [a, b, c, d] = self.sequence.to_be_bytes();
        let [_, _, e, f, g, h, i, j] = self.captured_ms.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j]
    }
}

/// Colour of a finder cell: a chessboard, which looks different when the picture is mirrored.
fn finder(column: usize, row: usize) -> bool {
    (column + row).is_multiple_of(2)
}

/// CRC-16/IBM-3740 ("CCITT-FALSE"): polynomial 0x1021, start 0xFFFF, no reflection, no final XOR.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(
            crc ^ u16::from(*byte) << 8,
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        )
    })
}

/// The first row of samples of the strip in a picture of `height` rows.
#[must_use]
pub fn top(height: usize) -> usize {
    height * (GRID_ROWS - ROWS) / GRID_ROWS
}

/// Draws the strip of `code` over the bottom of a luma plane. Neutral chroma below it is the caller's part.
///
/// A plane that is shorter than its dimensions say is drawn as far as it goes.
pub fn draw(code: Code, luma: &mut [u8], width: usize, height: usize, stride: usize) {
    for (row, line) in code.cells().iter().enumerate() {
        let grid_row = GRID_ROWS - ROWS + row;
        let (y0, y1) = (height * grid_row / GRID_ROWS, height * (grid_row + 1) / GRID_ROWS);
        let rows = luma.chunks_mut(stride.max(1)).take(y1).skip(y0);
        for samples in rows {
            for (column, white) in line.iter().enumerate() {
                let (x0, x1) = (width * column / COLUMNS, width * (column + 1) / COLUMNS);
                if let Some(cell) = samples.get_mut(x0..x1) {
                    cell.fill(if *white { WHITE } else { BLACK });
                }
            }
        }
    }
}

/// Reads the strip from a luma plane of any size from 72x60.
///
/// # Errors
/// Says what was not as expected: size, contrast, finder or check sum.
pub fn read(luma: Luma<'_>) -> Result<Code, ReadError> {
    let Luma { data, width, height, stride } = luma;
    if width < MIN_WIDTH || height < MIN_HEIGHT {
        return Err(ReadError::TooSmall { width, height });
    }
    let needed = (height - 1).checked_mul(stride).and_then(|rows| rows.checked_add(width));
    if stride < width || needed.is_none_or(|needed| data.len() < needed) {
        return Err(ReadError::ShortPlane);
    }
    let mut means = [[0u32; COLUMNS]; ROWS];
    for (row, line) in means.iter_mut().enumerate() {
        for (column, mean) in line.iter_mut().enumerate() {
            *mean = sample(&luma, column, row);
        }
    }
    let threshold = threshold(&means)?;
    let cells = means.map(|line| line.map(|mean| mean > threshold));
    for (row, line) in cells.iter().enumerate() {
        for column in finder_columns() {
            if line[column] != finder(column, row) {
                return Err(ReadError::Finder { column, row });
            }
        }
    }
    Code::from_cells(&cells)
}

/// Fixed-point scale of the mean luma of a cell.
const SCALE: u32 = 256;

/// Mean luma, times [`SCALE`], of the middle half of a cell: its edges are what scaling and coding blur.
fn sample(luma: &Luma<'_>, column: usize, row: usize) -> u32 {
    let grid_row = GRID_ROWS - ROWS + row;
    let (x0, x1) = middle(luma.width, column, COLUMNS);
    let (y0, y1) = middle(luma.height, grid_row, GRID_ROWS);
    let rows = luma.data.chunks(luma.stride).take(y1).skip(y0);
    let sum: u64 = rows.filter_map(|row| row.get(x0..x1)).flatten().map(|sample| u64::from(*sample)).sum();
    let count = (x1 - x0) as u64 * (y1 - y0) as u64;
    // At most 255 * SCALE, so the narrowing loses nothing.
    (sum * u64::from(SCALE) / count) as u32
}

/// The middle half of part `index` of `parts` equal parts of `length`, at least one sample.
fn middle(length: usize, index: usize, parts: usize) -> (usize, usize) {
    let start = length * (4 * index + 1) / (4 * parts);
    let end = length * (4 * index + 3) / (4 * parts);
    (start, end.max(start + 1))
}

fn finder_columns() -> impl Iterator<Item = usize> {
    (0..FINDER).chain(COLUMNS - FINDER..COLUMNS)
}

/// Half-way between the mean black and the mean white of the finder; there are six cells of each.
fn threshold(means: &[[u32; COLUMNS]; ROWS]) -> Result<u32, ReadError> {
    let (mut black, mut white) = (0, 0);
    for (row, line) in means.iter().enumerate() {
        for column in finder_columns() {
            *(if finder(column, row) { &mut white } else { &mut black }) += line[column];
        }
    }
    let cells = (FINDER * ROWS) as u32;
    if white < black + MIN_CONTRAST * SCALE * cells {
        let difference = (i64::from(white) - i64::from(black)) / i64::from(SCALE * cells);
        return Err(ReadError::Contrast(difference as i32));
    }
    Ok((black + white) / (2 * cells))
}

#[cfg(test)]
#[path = "code_tests.rs"]
mod tests;
