//! Tests of the strip: shared vectors, every size, noise, and pictures that are none.

use super::*;
use proptest::prelude::*;

const VECTORS: &str = include_str!("../../../../testdata/vectors/test-picture.json");

fn drawn(code: Code, width: usize, height: usize) -> Vec<u8> {
    let mut luma = vec![90; width * height];
    draw(code, &mut luma, width, height, width);
    luma
}

fn read_plane(data: &[u8], width: usize, height: usize) -> Result<Code, ReadError> {
    read(Luma { data, width, height, stride: width })
}

fn vector_cells(vector: &serde_json::Value) -> Cells {
    let mut cells = [[false; COLUMNS]; ROWS];
    let rows = vector["cells"].as_array().expect("cells");
    assert_eq!(rows.len(), ROWS);
    for (line, text) in cells.iter_mut().zip(rows) {
        let text = text.as_str().expect("row");
        assert_eq!(text.len(), COLUMNS);
        line.iter_mut().zip(text.chars()).for_each(|(cell, c)| *cell = c == '1');
    }
    cells
}

/// Draws cells that need not be a valid code.
fn paint(cells: &Cells, width: usize, height: usize) -> Vec<u8> {
    let mut luma = vec![90; width * height];
    for (i, sample) in luma.iter_mut().enumerate() {
        let (x, y) = (i % width, i / width);
        let row = (0..GRID_ROWS).rev().find(|r| y >= height * r / GRID_ROWS).expect("row");
        let column = (0..COLUMNS).rev().find(|c| x >= width * c / COLUMNS).expect("column");
        if let Some(row) = row.checked_sub(GRID_ROWS - ROWS) {
            *sample = if cells[row][column] { WHITE } else { BLACK };
        }
    }
    luma
}

#[test]
fn shared_vectors() {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).expect("vectors are JSON");
    let valid = vectors["valid"].as_array().expect("valid");
    assert!(valid.len() >= 5);
    for vector in valid {
        let code = Code {
            sequence: u32::try_from(vector["sequence"].as_u64().expect("sequence")).expect("u32"),
            captured_ms: vector["captured_ms"].as_u64().expect("captured_ms"),
        };
        assert_eq!(code.cells(), vector_cells(vector), "{vector}");
        assert_eq!(read_plane(&paint(&vector_cells(vector), 324, 242), 324, 242), Ok(code));
    }
    let broken = vectors["broken"].as_array().expect("broken");
    assert!(broken.len() >= 3);
    for vector in broken {
        let kind = match read_plane(&paint(&vector_cells(vector), 640, 480), 640, 480) {
            Err(ReadError::Contrast(_)) => "contrast",
            Err(ReadError::Finder { .. }) => "finder",
            Err(ReadError::Crc { .. }) => "crc",
            other => panic!("{vector}: {other:?}"),
        };
        assert_eq!(kind, vector["error"], "{vector}");
    }
}

#[test]
fn crc_has_its_published_check_value() {
    assert_eq!(crc(b"123456789"), 0x29B1);
}

#[test]
fn every_flipped_data_cell_is_noticed() {
    let code = Code { sequence: 0x1234_5678, captured_ms: 1_700_000_000_123 };
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            let mut cells = code.cells();
            cells[row][column] ^= true;
            let read = read_plane(&paint(&cells, 320, 240), 320, 240);
            if finder_columns().any(|finder| finder == column) {
                assert_eq!(read, Err(ReadError::Finder { column, row }));
            } else {
                assert!(matches!(read, Err(ReadError::Crc { .. })), "{column},{row}: {read:?}");
            }
        }
    }
}

#[test]
fn a_mirrored_or_plain_picture_is_refused() {
    let code = Code { sequence: 7, captured_ms: 1_700_000_000_000 };
    let mut luma = drawn(code, 320, 240);
    luma.chunks_mut(320).for_each(<[u8]>::reverse);
    assert!(matches!(read_plane(&luma, 320, 240), Err(ReadError::Contrast(_))));
    assert_eq!(read_plane(&vec![128; 320 * 240], 320, 240), Err(ReadError::Contrast(0)));
}

#[test]
fn bad_planes_are_errors() {
    let luma = drawn(Code::default(), 160, 120);
    assert_eq!(read_plane(&luma, 71, 60), Err(ReadError::TooSmall { width: 71, height: 60 }));
    assert_eq!(read_plane(&luma, 72, 59), Err(ReadError::TooSmall { width: 72, height: 59 }));
    assert_eq!(read_plane(&luma[1..], 160, 120), Err(ReadError::ShortPlane));
    let narrow = Luma { data: &luma, width: 160, height: 120, stride: 100 };
    assert_eq!(read(narrow), Err(ReadError::ShortPlane));
    let huge = Luma { data: &luma, width: 160, height: usize::MAX, stride: usize::MAX };
    assert_eq!(read(huge), Err(ReadError::ShortPlane));
    assert_eq!(read_plane(&luma, 160, 120), Ok(Code::default()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(
        sequence: u32, time in 0..=TIME_MASK, width in 160usize..=1920, height in 120usize..=1080,
    ) {
        let code = Code { sequence, captured_ms: time };
        prop_assert_eq!(read_plane(&drawn(code, width, height), width, height), Ok(code));
    }

    #[test]
    fn low_contrast_and_noise_do_not_matter(sequence: u32, time in 0..=TIME_MASK, seed: u32) {
        let code = Code { sequence, captured_ms: time };
        let mut luma = drawn(code, 320, 240);
        let mut state = seed;
        for sample in &mut luma {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = 60 + *sample / 2 - 20 + (state >> 24) as u8 % 40;
        }
        prop_assert_eq!(read_plane(&luma, 320, 240), Ok(code));
    }

    #[test]
    fn any_plane_is_a_code_or_an_error(data in proptest::collection::vec(any::<u8>(), 0..9000)) {
        for (width, height) in [(72, 60), (80, 100), (160, 120)] {
            let _ = read_plane(&data, width, height);
        }
    }
}
