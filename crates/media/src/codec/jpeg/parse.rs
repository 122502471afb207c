//! The walk over the marker segments (ITU-T T.81 Annex B).

use super::entropy::end_of_entropy;
use super::error::{Beginning, JpegError, Unsupported};
use super::{Chroma, Coding, MAX_DIMENSION};

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const DQT: u8 = 0xdb;
const DHT: u8 = 0xc4;
const TEM: u8 = 0x01;

/// What the walk finds out.
pub(super) struct Layout {
    /// Length from SOI to EOI inclusive, in bytes.
    pub(super) len: usize,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) coding: Coding,
    pub(super) chroma: Chroma,
    /// Where the standard Huffman tables must go, when a scan uses one that is not there.
    pub(super) tables_at: Option<usize>,
}

/// One component of the frame header (T.81 B.2.2).
#[derive(Clone, Copy, Default)]
struct Component {
    id: u8,
    horizontal: u8,
    vertical: u8,
    quantisation: u8,
}

/// The frame header (T.81 B.2.2).
struct Frame {
    coding: Coding,
    width: u32,
    height: u32,
    components: [Component; 3],
    /// How many of `components` there are: 1 or 3.
    count: usize,
}

impl Frame {
    fn components(&self) -> &[Component] {
        &self.components[..self.count]
    }
}

/// A segment: what follows its marker, without the two bytes of the length.
struct Segment<'a> {
    body: &'a [u8],
    /// Offset of the marker in the message.
    at: usize,
}

impl Segment<'_> {
    fn malformed(&self, what: &'static str) -> JpegError {
        JpegError::Malformed { at: self.at, what }
    }
}

struct Walk<'a> {
    data: &'a [u8],
    pos: usize,
    frame: Option<Frame>,
    /// Bit `n`: quantisation table `n` is defined.
    quantisation: u8,
    /// Bit `n`: DC Huffman table `n` is defined; bit `4 + n`: AC table `n`.
    huffman: u8,
    /// Whether a scan used a table 0 or 1 that is not defined.
    tables_missing: bool,
    /// Offset of the first DHT or SOF: tables put there are overridden by all that the camera defines.
    tables_at: Option<usize>,
    /// Bit `n`: component `n` of the frame was in a scan.
    scanned: u8,
}

/// Walks over a message that holds one JPEG and perhaps padding after it.
pub(super) fn parse(data: &[u8]) -> Result<Layout, JpegError> {
    if !data.starts_with(&[0xff, SOI]) {
        return Err(JpegError::NotJpeg { begins: Beginning::of(data) });
    }
    let mut walk = Walk {
        data,
        pos: 2,
        frame: None,
        quantisation: 0,
        huffman: 0,
        tables_missing: false,
        tables_at: None,
        scanned: 0,
    };
    loop {
        let at = walk.pos;
        let code = walk.marker()?;
        match code {
            EOI => return walk.finish(at),
            // The camera gave up on one picture and began the next.
            SOI => return Err(JpegError::Truncated { at }),
            TEM => {}
            0x00 | 0x02..=0xbf | 0xd0..=0xd7 | 0xf0..=0xfd | 0xff => {
                return Err(JpegError::Malformed { at, what: "a marker that must not be here" });
            }
            _ => walk.segment(code, at)?,
        }
    }
}

impl<'a> Walk<'a> {
    /// Reads a marker with its optional fill bytes (T.81 B.1.1.2) and returns its code.
    fn marker(&mut self) -> Result<u8, JpegError> {
        let at = self.pos;
        if self.byte()? != 0xff {
            return Err(JpegError::Malformed { at, what: "no marker where one must be" });
        }
        loop {
            match self.byte()? {
                0xff => {}
                code => return Ok(code),
            }
        }
    }

    fn byte(&mut self) -> Result<u8, JpegError> {
        let byte = *self.data.get(self.pos).ok_or(JpegError::Truncated { at: self.data.len() })?;
        self.pos += 1;
        Ok(byte)
    }

    /// Reads the segment of marker `code`, which begins at `at`, and the entropy-coded data after it if any.
    fn segment(&mut self, code: u8, at: usize) -> Result<(), JpegError> {
        let len = usize::from(u16::from_be_bytes([self.byte()?, self.byte()?]));
        let Some(len) = len.checked_sub(2) else {
            return Err(JpegError::Malformed { at, what: "a segment shorter than its own length field" });
        };
        let end = self.pos + len;
        let body = self.data.get(self.pos..end).ok_or(JpegError::Truncated { at: self.data.len() })?;
        self.pos = end;
        let segment = Segment { body, at };
        let unsupported = |what| Err(JpegError::Unsupported { what });
        match code {
            0xc0 | 0xc1 => self.start_of_frame(&segment, Coding::Sequential),
            0xc2 => self.start_of_frame(&segment, Coding::Progressive),
            0xc3 | 0xc7 | 0xcb | 0xcf => unsupported(Unsupported::Lossless),
            0xc5 | 0xc6 | 0xde | 0xdf => unsupported(Unsupported::Hierarchical),
            0xc9 | 0xca | 0xcd | 0xce => unsupported(Unsupported::Arithmetic),
            0xc8 => Err(segment.malformed("a marker that must not be here")),
            DHT => self.huffman_tables(&segment),
            DQT => self.quantisation_tables(&segment),
            SOS => self.start_of_scan(&segment),
            // APPn, COM, DRI, DAC, DNL: nothing here depends on them. Pictures inside APPn (thumbnails) are
            // passed over as a whole. DNL only repeats the height, which the frame header must have.
            _ => Ok(()),
        }
    }

    /// SOFn (T.81 B.2.2).
    fn start_of_frame(&mut self, segment: &Segment<'_>, coding: Coding) -> Result<(), JpegError> {
        if self.frame.is_some() {
            return Err(segment.malformed("a second frame header"));
        }
        let [precision, y1, y0, x1, x0, count, specs @ ..] = segment.body else {
            return Err(segment.malformed("frame header too short"));
        };
        if *precision != 8 {
            return Err(JpegError::Unsupported { what: Unsupported::Precision(*precision) });
        }
        let width = u32::from(u16::from_be_bytes([*x1, *x0]));
        let height = u32::from(u16::from_be_bytes([*y1, *y0]));
        if !(1..=MAX_DIMENSION).contains(&width) || !(1..=MAX_DIMENSION).contains(&height) {
            return Err(JpegError::BadDimensions { width, height });
        }
        if !matches!(count, 1 | 3) {
            return Err(JpegError::Unsupported { what: Unsupported::Components(*count) });
        }
        let count = usize::from(*count);
        if specs.len() != 3 * count {
            return Err(segment.malformed("frame header of the wrong length"));
        }
        let mut components = [Component::default(); 3];
        for (index, spec) in specs.chunks_exact(3).enumerate() {
            let component = Component {
                id: spec[0],
                horizontal: spec[1] >> 4,
                vertical: spec[1] & 15,
                quantisation: spec[2],
            };
            if !(1..=4).contains(&component.horizontal) || !(1..=4).contains(&component.vertical) {
                return Err(segment.malformed("sampling factor outside 1 to 4"));
            }
            if component.quantisation > 3 {
                return Err(segment.malformed("quantisation table selector above 3"));
            }
            if components[..index].iter().any(|other| other.id == component.id) {
                return Err(segment.malformed("two components of the same name"));
            }
            components[index] = component;
        }
        self.tables_at.get_or_insert(segment.at);
        self.frame = Some(Frame { coding, width, height, components, count });
        Ok(())
    }

    /// DHT (T.81 B.2.4.2): one or more tables.
    fn huffman_tables(&mut self, segment: &Segment<'_>) -> Result<(), JpegError> {
        let mut rest = segment.body;
        while let Some((&place, tables)) = rest.split_first() {
            let Some((counts, symbols)) = tables.split_at_checked(16) else {
                return Err(segment.malformed("Huffman table too short"));
            };
            let count: usize = counts.iter().map(|&count| usize::from(count)).sum();
            if place & 0xec != 0 {
                return Err(segment.malformed("Huffman table for a place that does not exist"));
            }
            if count > 256 || count > symbols.len() {
                return Err(segment.malformed("Huffman table too short"));
            }
            self.huffman |= huffman_bit(place >> 4, place & 3);
            rest = &symbols[count..];
        }
        self.tables_at.get_or_insert(segment.at);
        Ok(())
    }

    /// DQT (T.81 B.2.4.1): one or more tables.
    fn quantisation_tables(&mut self, segment: &Segment<'_>) -> Result<(), JpegError> {
        let mut rest = segment.body;
        while let Some((&place, tables)) = rest.split_first() {
            let (precision, destination) = (place >> 4, place & 15);
            if precision > 1 || destination > 3 {
                return Err(segment.malformed("quantisation table for a place that does not exist"));
            }
            let Some((_, after)) = tables.split_at_checked(if precision == 0 { 64 } else { 128 }) else {
                return Err(segment.malformed("quantisation table too short"));
            };
            self.quantisation |= 1 << destination;
            rest = after;
        }
        Ok(())
    }

    /// SOS (T.81 B.2.3) and the entropy-coded data that follows it.
    fn start_of_scan(&mut self, segment: &Segment<'_>) -> Result<(), JpegError> {
        let Some(frame) = &self.frame else {
            return Err(segment.malformed("a scan before the frame header"));
        };
        let Some((&count, rest)) = segment.body.split_first() else {
            return Err(segment.malformed("scan header too short"));
        };
        let count = usize::from(count);
        if !(1..=4).contains(&count) || rest.len() != 2 * count + 3 {
            return Err(segment.malformed("scan header of the wrong length"));
        }
        let (specs, spectrum) = rest.split_at(2 * count);
        let mut in_scan = 0u8;
        for spec in specs.chunks_exact(2) {
            let Some(index) = frame.components().iter().position(|component| component.id == spec[0]) else {
                return Err(segment.malformed("a scan of a component that the frame does not have"));
            };
            if in_scan & (1 << index) != 0 {
                return Err(segment.malformed("a scan with the same component twice"));
            }
            in_scan |= 1 << index;
            if self.quantisation & (1 << frame.components[index].quantisation) == 0 {
                return Err(segment.malformed("a scan without its quantisation table"));
            }
            let missing = missing_tables(frame.coding, spec[1], spectrum, self.huffman)
                .map_err(|what| segment.malformed(what))?;
            self.tables_missing |= missing;
        }
        self.scanned |= in_scan;
        self.entropy()
    }

    /// Passes over entropy-coded data.
    fn entropy(&mut self) -> Result<(), JpegError> {
        let begin = self.pos;
        let end = end_of_entropy(self.data, begin).ok_or(JpegError::Truncated { at: self.data.len() })?;
        // 0xFF bytes before a marker are fill, not data.
        if self.data[begin..end].iter().all(|&byte| byte == 0xff) {
            return Err(JpegError::Malformed { at: begin, what: "a scan without data" });
        }
        self.pos = end;
        Ok(())
    }

    /// Checks that the picture is whole, now that EOI was read. `at` is the offset of EOI.
    fn finish(self, at: usize) -> Result<Layout, JpegError> {
        let malformed = |what| Err(JpegError::Malformed { at, what });
        let Some(frame) = &self.frame else {
            return malformed("the picture ends without a frame header");
        };
        if self.scanned == 0 {
            return malformed("the picture ends without a scan");
        }
        if self.scanned.count_ones() as usize != frame.count {
            return malformed("the picture ends before every component was sent");
        }
        Ok(Layout {
            len: self.pos,
            width: frame.width,
            height: frame.height,
            coding: frame.coding,
            chroma: chroma(frame.components()),
            tables_at: self.tables_at.filter(|_| self.tables_missing),
        })
    }
}

fn huffman_bit(class: u8, destination: u8) -> u8 {
    1 << (4 * class + destination)
}

/// Whether the standard tables must stand in for those that `selectors` (Td and Ta of T.81 B.2.3) name.
///
/// An error where they cannot: they define destinations 0 and 1, and for sequential coding only, because
/// they have no end-of-band runs (T.81 G.1.2.2).
fn missing_tables(coding: Coding, selectors: u8, spectrum: &[u8], defined: u8) -> Result<bool, &'static str> {
    let (dc, ac) = (selectors >> 4, selectors & 15);
    if dc > 3 || ac > 3 {
        return Err("Huffman table selector above 3");
    }
    // Ss and Ah: a progressive scan sends DC or AC (G.1.1.1.1), and its DC refinements need no table (G.1.2.1).
    let [start, _, approximation] = spectrum else { return Err("scan header too short") };
    let (uses_dc, uses_ac) = match coding {
        Coding::Sequential => (true, true),
        Coding::Progressive => (*start == 0 && approximation >> 4 == 0, *start != 0),
    };
    let mut missing = false;
    for (class, destination, used) in [(0, dc, uses_dc), (1, ac, uses_ac)] {
        if used && defined & huffman_bit(class, destination) == 0 {
            if coding == Coding::Progressive || destination > 1 {
                return Err("a scan without its Huffman table");
            }
            missing = true;
        }
    }
    Ok(missing)
}

fn chroma(components: &[Component]) -> Chroma {
    let [luma, cb, cr] = components else { return Chroma::Gray };
    if (cb.horizontal, cb.vertical) != (cr.horizontal, cr.vertical) {
        return Chroma::Other;
    }
    let divides = luma.horizontal % cb.horizontal == 0 && luma.vertical % cb.vertical == 0;
    match (luma.horizontal / cb.horizontal, luma.vertical / cb.vertical) {
        (1, 1) if divides => Chroma::Yuv444,
        (2, 1) if divides => Chroma::Yuv422,
        (1, 2) if divides => Chroma::Yuv440,
        (2, 2) if divides => Chroma::Yuv420,
        (4, 1) if divides => Chroma::Yuv411,
        _ => Chroma::Other,
    }
}
