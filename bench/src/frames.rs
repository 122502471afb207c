//! Test pictures with the size and the content of a small camera's: a detailed still background, an object that moves
//! over it, sensor noise. Each picture carries its number as a bar code, so that a frame can be recognised after any
//! transcoding by looking at the picture itself.

use crate::error::{Doing, Error, protocol};
use crate::stamp;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Pictures in the cycle. At 30 fps the cycle lasts 4.3 s: longer than any latency or replayed GOP that must be told
/// apart from a fresh frame. A power of two, for the bar code.
pub const CYCLE: usize = 128;
/// Bits of the bar code that number the picture; as many inverted ones follow as a check.
const BITS: usize = CYCLE.trailing_zeros() as usize;
/// Cells of the bar code.
pub const CELLS: usize = 2 * BITS;
/// Edge of a cell in pixels: two macroblocks, so that it survives any coding at any quality.
pub const CELL: usize = 32;
/// Changes whenever the content does, so that an old cache is not taken.
const RECIPE: &str = "v1";

/// A picture size with the mean size of its JPEG that is aimed at.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Mean bytes of a JPEG.
    pub bytes: usize,
}

/// 640x480 at about 25 KB, as an ESP32 camera gives at its usual quality.
pub const VGA: Kind = Kind { width: 640, height: 480, bytes: 25_000 };
/// 320x240 at about 5 KB, as the lower one of two qualities. Its bar code is cut off: only the stamp tells the picture.
pub const QVGA: Kind = Kind { width: 320, height: 240, bytes: 5_000 };
/// 1280x720 at about 60 KB.
pub const HD: Kind = Kind { width: 1280, height: 720, bytes: 60_000 };

/// One cycle of stamped JPEGs (see [`stamp`]).
pub struct Frames {
    /// The JPEGs; index `n` shows picture `n`.
    pub jpegs: Vec<Vec<u8>>,
}

impl Frames {
    /// Reads the pictures from the cache, after making them when they are not there.
    pub fn load(cache: &Path, kind: Kind) -> Result<Frames, Error> {
        let dir = directory(cache, kind);
        if !dir.is_dir() {
            make(&dir, kind)?;
        }
        Frames::read(&dir)
    }

    /// Reads the pictures of one directory.
    pub fn read(dir: &Path) -> Result<Frames, Error> {
        let mut jpegs = Vec::with_capacity(CYCLE);
        for n in 0..CYCLE {
            let path = dir.join(file_name(n));
            let raw = std::fs::read(&path).doing(|| format!("read {}", path.display()))?;
            let stamped = stamp::insert(&raw);
            jpegs.push(stamped.ok_or_else(|| protocol("cache", format!("{} is no JPEG", path.display())))?);
        }
        Ok(Frames { jpegs })
    }

    /// Mean size of a JPEG in bytes.
    pub fn mean_bytes(&self) -> usize {
        self.jpegs.iter().map(Vec::len).sum::<usize>() / self.jpegs.len().max(1)
    }
}

/// Where the pictures of a kind are kept.
pub fn directory(cache: &Path, kind: Kind) -> PathBuf {
    cache.join(format!("{RECIPE}-{}x{}-{}", kind.width, kind.height, kind.bytes))
}

fn file_name(n: usize) -> String {
    format!("{n:04}.jpg")
}

/// Makes all pictures, at the quality whose mean size comes nearest to the aim.
fn make(dir: &Path, kind: Kind) -> Result<(), Error> {
    /// Pictures that decide about the quality.
    const SAMPLE: usize = 8;
    let scratch = dir.with_extension(format!("part{}", std::process::id()));
    std::fs::create_dir_all(&scratch).doing(|| format!("create {}", scratch.display()))?;
    // ffmpeg's scale: 2 is best and largest, 31 worst and smallest.
    let (mut best, mut finer, mut coarser) = (2, 2, 31);
    let mut best_distance = usize::MAX;
    while finer <= coarser {
        let q = (finer + coarser) / 2;
        let mean = render(&scratch, kind, q, SAMPLE)?;
        if mean.abs_diff(kind.bytes) < best_distance {
            (best, best_distance) = (q, mean.abs_diff(kind.bytes));
        }
        if mean > kind.bytes { finer = q + 1 } else { coarser = q - 1 }
    }
    render(&scratch, kind, best, CYCLE)?;
    // Moved as a whole, so that an interrupted run leaves no half cache.
    std::fs::rename(&scratch, dir).doing(|| format!("move {} to {}", scratch.display(), dir.display()))
}

/// Renders the first `count` pictures into `dir`; gives their mean size in bytes.
fn render(dir: &Path, kind: Kind, q: u32, count: usize) -> Result<usize, Error> {
    let Kind { width, height, .. } = kind;
    let background =
        format!("mandelbrot=size={width}x{height}:rate=30:start_scale=0.3,trim=end_frame=1,loop=-1:1");
    let object = format!("testsrc2=size={}x{}:rate=30", width / 4, height / 3);
    let mut filter = format!(
        "[0][1]overlay=x='(W-w)/2+(W-w)/3*sin(2*PI*n/{CYCLE})':y='(H-h)/2+(H-h)/4*cos(2*PI*n/{CYCLE})',\
         noise=alls=5:allf=t:all_seed=1,drawbox=x=0:y=0:w={}:h={CELL}:c=black:t=fill",
        CELLS * CELL
    );
    for cell in 0..CELLS {
        let (bit, wanted) = if cell < BITS { (cell, 1) } else { (cell - BITS, 0) };
        filter += &format!(
            ",drawbox=x={}:y=0:w={CELL}:h={CELL}:c=white:t=fill:enable='eq(mod(floor(n/{})\\,2)\\,{wanted})'",
            cell * CELL,
            1 << bit
        );
    }
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &background, "-f", "lavfi", "-i", &object])
        .args(["-filter_complex", &filter, "-frames:v", &count.to_string(), "-pix_fmt", "yuvj420p"])
        .args(["-c:v", "mjpeg", "-q:v", &q.to_string(), "-f", "image2", "-start_number", "0"])
        .arg(dir.join("%04d.jpg"))
        .stdin(Stdio::null())
        .status()
        .doing(|| "run ffmpeg (package `ffmpeg`)".into())?;
    if !status.success() {
        return Err(protocol("ffmpeg", format!("making test pictures ended with {status}")));
    }
    let mut total = 0;
    for n in 0..count {
        let path = dir.join(file_name(n));
        total += std::fs::metadata(&path).doing(|| format!("find {}", path.display()))?.len() as usize;
    }
    Ok(total / count)
}

/// The picture's number from the mean brightness of the bar code's cells; `None` when the check bits disagree.
pub fn read_bar_code(cells: &[u8]) -> Option<usize> {
    if cells.len() != CELLS {
        return None;
    }
    let bit = |cell: usize| usize::from(cells[cell] >= 128);
    (0..BITS).all(|i| bit(i) != bit(BITS + i)).then(|| (0..BITS).map(|i| bit(i) << i).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_code_is_read_and_a_damaged_one_refused() {
        for n in [0, 1, 77, CYCLE - 1] {
            let mut cells = [0; CELLS];
            for i in 0..BITS {
                cells[i] = if n >> i & 1 == 1 { 235 } else { 16 };
                cells[BITS + i] = if n >> i & 1 == 1 { 16 } else { 235 };
            }
            assert_eq!(read_bar_code(&cells), Some(n));
            cells[3] ^= 0xFF;
            assert_eq!(read_bar_code(&cells), None);
        }
        assert_eq!(read_bar_code(&[0; 3]), None);
    }
}
