use super::super::{Depacketizer, Event, MAX_ACCESS_UNIT, Packet};
use super::*;
use bytes::Bytes;
use camherd_media::codec::jpeg;

const MARK: bool = true;

#[derive(Default)]
struct Sender {
    events: Vec<Event>,
    assembler: Option<Depacketizer>,
}

impl Sender {
    fn send(&mut self, timestamp: i64, mark: bool, payload: &[u8]) -> &mut Sender {
        self.send_after_loss(0, timestamp, mark, payload)
    }

    fn send_after_loss(&mut self, lost: u16, timestamp: i64, mark: bool, payload: &[u8]) -> &mut Sender {
        let assembler = self.assembler.get_or_insert_with(|| Depacketizer::Jpeg(Assembler::default()));
        assembler.push(&Packet { payload, timestamp, mark, lost }, &mut self.events);
        self
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// The one picture that has come, as the server takes it.
    fn picture(&mut self) -> (jpeg::Jpeg, Bytes) {
        match &self.events()[..] {
            [Event::AccessUnit { data, .. }] => (jpeg::normalise(data).unwrap(), data.clone()),
            other => panic!("{other:?}"),
        }
    }
}

/// A packet of a 640x480 picture, type 1, quality 80.
fn packet(offset: usize, scan: &[u8]) -> Vec<u8> {
    of_kind(1, 80, offset, scan)
}

fn of_kind(kind: u8, quality: u8, offset: usize, rest: &[u8]) -> Vec<u8> {
    let [_, offset @ ..] = (offset as u32).to_be_bytes();
    [&[0], &offset[..], &[kind, quality, 80, 60], rest].concat()
}

const SCAN: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

#[test]
fn fragments_of_every_size_are_put_together() {
    for part in 1..=SCAN.len() {
        let mut sender = Sender::default();
        let parts: Vec<_> = SCAN.chunks(part).enumerate().collect();
        for (index, chunk) in &parts {
            assert_eq!(sender.events(), []);
            sender.send(10, index + 1 == parts.len(), &packet(index * part, chunk));
        }
        let (jpeg, data) = sender.picture();
        assert_eq!((jpeg.width, jpeg.height, jpeg.chroma), (640, 480, jpeg::Chroma::Yuv420));
        assert!(jpeg.huffman_added && data.ends_with(&[SCAN, &[0xff, 0xd9]].concat()));
    }
}

#[test]
fn types_restart_intervals_and_an_end_that_is_there_are_kept() {
    let mut sender = Sender::default();
    sender.send(10, MARK, &of_kind(64, 80, 0, &[&[0, 40, 0xff, 0xff], SCAN, &[0xff, 0xd9]].concat()));
    let (jpeg, data) = sender.picture();
    assert_eq!(jpeg.chroma, jpeg::Chroma::Yuv422);
    assert!(data.windows(6).any(|bytes| bytes == [0xff, 0xdd, 0, 4, 0, 40]));
    assert!(data.ends_with(&[10, 0xff, 0xd9]));
}

#[test]
fn a_quality_stands_for_scaled_tables() {
    // 50 is the tables of the standard themselves, in zigzag order.
    let tables = scaled_tables(50);
    assert_eq!(tables[..10], [16, 11, 12, 14, 12, 10, 16, 14, 13, 14]);
    assert_eq!((tables[63], tables[64], tables[127]), (99, 17, 99));
    assert_eq!(scaled_tables(99)[..3], [1, 1, 1]);
    assert_eq!(scaled_tables(1)[..3], [255, 255, 255]);
}

#[test]
fn tables_in_the_packet_are_used_and_remembered() {
    let tables: Vec<u8> = (1..=128).collect();
    let with = [&[0, 0, 0, 128][..], &tables, SCAN].concat();
    let mut sender = Sender::default();
    sender.send(10, MARK, &of_kind(1, 200, 0, &with));
    let (_, first) = sender.picture();
    assert!(first.windows(67).any(|bytes| bytes[..3] == [0, 67, 0] && bytes[3..] == tables[..64]));
    sender.send(20, MARK, &of_kind(1, 200, 0, &[&[0, 0, 0, 0], SCAN].concat()));
    assert_eq!(sender.picture().1, first);
    // One table for all components.
    sender.send(30, MARK, &of_kind(1, 201, 0, &[&[0, 0, 0, 64][..], &tables[..64], SCAN].concat()));
    let (_, single) = sender.picture();
    assert!(single.windows(67).any(|bytes| bytes[..3] == [0, 67, 1] && bytes[3..] == tables[..64]));
    // Those of quality 255 are for one picture.
    sender.send(40, MARK, &of_kind(1, 255, 0, &with)).send(50, MARK, &of_kind(1, 255, 0, &[0, 0, 0, 0, 1]));
    assert_eq!(sender.events().pop(), Some(Event::Broken("a JPEG without quantisation tables")));
}

#[test]
fn a_loss_drops_the_picture_that_it_hit() {
    let mut sender = Sender::default();
    sender.send(10, false, &packet(0, SCAN)).send_after_loss(1, 10, MARK, &packet(20, SCAN));
    assert_eq!(sender.events(), [Event::Lost(1)]);
    sender.send(20, MARK, &packet(0, SCAN));
    sender.picture();
    // The end of one picture: the next is whole.
    sender.send(30, false, &packet(0, SCAN)).send_after_loss(2, 40, MARK, &packet(0, SCAN));
    assert!(matches!(sender.events()[..], [Event::Lost(2), Event::AccessUnit { timestamp: 40, .. }]));
}

#[test]
fn what_is_broken_is_told_and_the_next_picture_is_taken() {
    for (payload, what) in [
        (packet(5, SCAN), "a JPEG with a gap"),
        (of_kind(2, 80, 0, SCAN), "a JPEG of an unknown type"),
        (of_kind(1, 0, 0, SCAN), "a JPEG of a reserved quality"),
        (of_kind(1, 127, 0, SCAN), "a JPEG of a reserved quality"),
        (of_kind(1, 130, 0, &[0, 0, 0, 0, 1]), "a JPEG without quantisation tables"),
        (of_kind(1, 130, 0, &[0, 0, 0, 3, 1, 2, 3]), "a JPEG with a quantisation table that is cut"),
        (of_kind(1, 130, 0, &[0, 0, 9, 9, 1]), "a JPEG packet that is cut"),
        (packet(0, SCAN)[..7].to_vec(), "a JPEG packet that is cut"),
        (of_kind(64, 80, 0, &[1, 2]), "a JPEG packet that is cut"),
    ] {
        let mut sender = Sender::default();
        sender.send(0, MARK, &packet(0, SCAN));
        sender.picture();
        sender.send(10, MARK, &payload);
        assert_eq!(sender.events(), [Event::Broken(what)], "{payload:?}");
        sender.send(20, MARK, &packet(0, SCAN));
        sender.picture();
    }
}

#[test]
fn a_camera_without_marker_bits_is_understood() {
    let mut sender = Sender::default();
    sender.send(10, false, &packet(0, SCAN)).send(10, false, &packet(10, SCAN)).send(
        20,
        false,
        &packet(0, SCAN),
    );
    sender.picture();
}

#[test]
fn a_camera_that_never_ends_a_picture_is_bounded() {
    let mut sender = Sender::default();
    let part = vec![1; 60_000];
    sender.send(0, MARK, &packet(0, SCAN)).events();
    let parts = MAX_ACCESS_UNIT / part.len() + 2;
    for index in 0..parts {
        sender.send(10, false, &packet(index * part.len(), &part));
    }
    assert_eq!(sender.events(), [Event::Broken("a JPEG larger than 10 MiB")]);
}

#[test]
fn every_truncation_of_a_packet_is_taken() {
    let tables: Vec<u8> = (1..=128).collect();
    let whole = of_kind(65, 255, 0, &[&[0, 9, 0, 0, 0, 0, 0, 128][..], &tables, SCAN].concat());
    for cut in 0..=whole.len() {
        let mut sender = Sender::default();
        sender.send(10, MARK, &whole[..cut]).events();
        sender.send(20, MARK, &packet(0, SCAN));
        sender.picture();
    }
}
