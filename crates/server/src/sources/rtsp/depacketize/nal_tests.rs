use super::super::{Depacketizer, Event, MAX_ACCESS_UNIT, Packet};
use super::*;
use bytes::Bytes;

/// Whether a packet has the marker bit.
const MARK: bool = true;

struct Sender {
    depacketizer: Depacketizer,
    events: Vec<Event>,
}

impl Sender {
    fn h264() -> Sender {
        Sender { depacketizer: Depacketizer::H264(Assembler::default()), events: Vec::new() }
    }

    fn h265() -> Sender {
        Sender { depacketizer: Depacketizer::H265(Assembler::default()), events: Vec::new() }
    }

    fn send(&mut self, timestamp: i64, mark: bool, payload: &[u8]) -> &mut Sender {
        self.send_after_loss(0, timestamp, mark, payload)
    }

    fn send_after_loss(&mut self, lost: u16, timestamp: i64, mark: bool, payload: &[u8]) -> &mut Sender {
        self.depacketizer.push(&Packet { payload, timestamp, mark, lost }, &mut self.events);
        self
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// A picture of one packet, so that what follows is not the beginning.
    fn joined(mut self) -> Sender {
        let slice = match self.depacketizer {
            Depacketizer::H265(_) => &[2, 1, 0x80][..],
            _ => &[0x41, 0x80],
        };
        self.send(-1, MARK, slice);
        assert_eq!(self.events().len(), 1);
        self
    }
}

fn unit(timestamp: i64, nals: &[&[u8]]) -> Event {
    let data: Bytes = nals.iter().flat_map(|nal| START_CODE.iter().chain(*nal)).copied().collect();
    Event::AccessUnit { data, timestamp }
}

const SPS: &[u8] = &[0x67, 1, 2];
const PPS: &[u8] = &[0x68, 3];
const IDR: &[u8] = &[0x65, 0x80, 5, 6, 7, 8];
const SLICE: &[u8] = &[0x41, 0x80, 9];
/// Not the first slice of its picture.
const SECOND: &[u8] = &[0x41, 0x40, 9];

/// `nal` in fragments of `part` bytes.
fn fragments(nal: &[u8], part: usize) -> Vec<Vec<u8>> {
    let chunks: Vec<_> = nal[1..].chunks(part).collect();
    let header = |index: usize| {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if index + 1 == chunks.len() { 0x40 } else { 0 };
        [nal[0] & 0xe0 | 28, start | end | nal[0] & 0x1f]
    };
    chunks.iter().enumerate().map(|(index, chunk)| [&header(index)[..], chunk].concat()).collect()
}

fn aggregate(nals: &[&[u8]]) -> Vec<u8> {
    let mut packet = vec![24];
    for nal in nals {
        packet.extend((nal.len() as u16).to_be_bytes());
        packet.extend_from_slice(nal);
    }
    packet
}

#[test]
fn a_unit_comes_with_its_marker_bit() {
    let mut sender = Sender::h264();
    sender.send(10, false, &aggregate(&[SPS, PPS]));
    assert_eq!(sender.events(), []);
    sender.send(10, MARK, IDR);
    assert_eq!(sender.events(), [unit(10, &[SPS, PPS, IDR])]);
    sender.send(20, MARK, SLICE).send(30, false, SLICE).send(30, MARK, SECOND);
    assert_eq!(sender.events(), [unit(20, &[SLICE]), unit(30, &[SLICE, SECOND])]);
}

#[test]
fn fragments_of_every_size_are_put_together() {
    for part in 1..IDR.len() {
        let mut sender = Sender::h264();
        let fragments = fragments(IDR, part);
        for (index, fragment) in fragments.iter().enumerate() {
            assert_eq!(sender.events(), []);
            sender.send(10, index + 1 == fragments.len(), fragment);
        }
        assert_eq!(sender.events(), [unit(10, &[IDR])], "fragments of {part} bytes");
    }
}

#[test]
fn a_camera_without_marker_bits_is_understood() {
    let mut sender = Sender::h264();
    sender.send(10, false, IDR).send(20, false, SLICE).send(20, false, SECOND).send(30, false, SLICE);
    assert_eq!(sender.events(), [unit(10, &[IDR]), unit(20, &[SLICE, SECOND])]);
}

#[test]
fn parameter_sets_with_marker_bits_and_times_of_their_own_belong_to_the_picture() {
    let mut sender = Sender::h264();
    sender.send(8, MARK, SPS).send(9, MARK, PPS).send(10, MARK, IDR);
    assert_eq!(sender.events(), [unit(10, &[SPS, PPS, IDR])]);
}

#[test]
fn a_marker_bit_on_every_slice_is_found_out_and_passed_over() {
    let mut sender = Sender::h264();
    sender.send(10, MARK, SLICE).send(10, MARK, SECOND).send(10, MARK, SECOND);
    assert_eq!(sender.events(), [unit(10, &[SLICE]), Event::Broken("a marker bit on every slice")]);
    sender.send(20, MARK, SLICE).send(20, MARK, SECOND).send(30, MARK, SLICE);
    assert_eq!(sender.events(), [unit(20, &[SLICE, SECOND])]);
}

#[test]
fn start_codes_within_a_packet_are_understood() {
    let stream: Vec<u8> = [SPS, PPS, IDR].iter().flat_map(|nal| [&START_CODE[..], nal].concat()).collect();
    let mut sender = Sender::h264();
    sender.send(10, MARK, &stream);
    assert_eq!(sender.events(), [unit(10, &[SPS, PPS, IDR])]);
    // The first start code is left out.
    sender.send(20, MARK, &stream[4..]);
    assert_eq!(sender.events(), [unit(20, &[SPS, PPS, IDR])]);
}

#[test]
fn who_joins_in_the_middle_waits_for_a_beginning_without_complaint() {
    let tail = fragments(IDR, 2);
    for rest in [&[&tail[1][..], &tail[2]][..], &[SECOND, SECOND]] {
        let mut sender = Sender::h264();
        sender.send(10, false, rest[0]).send(10, MARK, rest[1]).send(20, MARK, SLICE);
        assert_eq!(sender.events(), [unit(20, &[SLICE])]);
    }
}

#[test]
fn a_loss_drops_what_it_hit_and_nothing_more() {
    let parts = fragments(IDR, 2);
    // Within a picture, whose remaining packets are of no use.
    let mut sender = Sender::h264().joined();
    sender.send(10, false, &parts[0]).send_after_loss(1, 10, MARK, &parts[2]).send(20, MARK, SLICE);
    assert_eq!(sender.events(), [Event::Lost(1), unit(20, &[SLICE])]);
    // The end of one picture: the next is whole.
    sender.send(30, false, &parts[0]).send_after_loss(2, 40, MARK, SLICE);
    assert_eq!(sender.events(), [Event::Lost(2), unit(40, &[SLICE])]);
    // The beginning of a picture.
    sender.send_after_loss(3, 50, MARK, SECOND).send(60, MARK, SLICE);
    let beginning = Event::Broken("a picture without its beginning");
    assert_eq!(sender.events(), [Event::Lost(3), beginning, unit(60, &[SLICE])]);
    sender.send_after_loss(1, 70, false, &parts[1]).send(70, MARK, &parts[2]).send(80, MARK, SLICE);
    let beginning = Event::Broken("a NAL unit without its beginning");
    assert_eq!(sender.events(), [Event::Lost(1), beginning, unit(80, &[SLICE])]);
}

#[test]
fn what_is_broken_is_told_and_the_next_picture_is_taken() {
    let cut = &aggregate(&[SPS, PPS])[..5];
    for (payload, what) in [
        (&[0xe5, 0x80][..], "a NAL unit that its sender calls damaged"),
        (&[25, 0, 0], "a packet of the interleaved mode"),
        (&[28], "a fragment without header"),
        (cut, "an aggregate that is cut"),
        (&[28, 0x05, 1], "a NAL unit without its beginning"),
    ] {
        let mut sender = Sender::h264().joined();
        sender.send(10, false, SLICE).send(10, false, payload).send(10, MARK, SECOND).send(20, MARK, SLICE);
        assert_eq!(sender.events(), [Event::Broken(what), unit(20, &[SLICE])], "{payload:?}");
    }
    let mut sender = Sender::h264().joined();
    sender.send(10, false, &fragments(IDR, 2)[0]).send(20, MARK, SLICE);
    assert_eq!(sender.events(), [Event::Broken(WITHOUT_END), unit(20, &[SLICE])]);
}

#[test]
fn empty_packets_mean_nothing() {
    let mut sender = Sender::h264().joined();
    sender.send(10, false, &[]).send(10, false, SLICE).send(10, false, &[]).send(10, MARK, &[]);
    assert_eq!(sender.events(), [unit(10, &[SLICE])]);
}

#[test]
fn a_camera_that_never_ends_a_picture_is_bounded() {
    let mut sender = Sender::h264().joined();
    let huge = [SLICE, &vec![1; 60_000]].concat();
    for _ in 0..MAX_ACCESS_UNIT / huge.len() + 2 {
        sender.send(10, false, &huge);
    }
    assert_eq!(sender.events(), [Event::Broken("an access unit larger than 10 MiB")]);
    sender.send(20, MARK, SLICE);
    assert_eq!(sender.events(), [unit(20, &[SLICE])]);
}

#[test]
fn every_truncation_of_every_packet_is_taken() {
    let packets = [aggregate(&[SPS, PPS, IDR]), fragments(IDR, 3)[0].clone(), IDR.to_vec()];
    for packet in &packets {
        for cut in 0..=packet.len() {
            let mut sender = Sender::h264();
            sender.send(10, MARK, &packet[..cut]).send(20, MARK, &packet[..cut]).send(30, MARK, SLICE);
            // Whatever it was, the next whole picture comes.
            let Some(Event::AccessUnit { data, timestamp: 30 }) = sender.events().pop() else {
                panic!("cut at {cut}")
            };
            assert!(data.ends_with(SLICE));
        }
    }
}

#[test]
fn h265_in_single_packets_aggregates_and_fragments() {
    let (vps, sps, pps) = (&[0x40, 1, 7][..], &[0x42, 1, 8][..], &[0x44, 1, 9][..]);
    let idr: &[u8] = &[0x26, 1, 0x80, 1, 2, 3, 4];
    let mut sender = Sender::h265();
    let mut packet = vec![0x60, 1];
    packet.extend(&aggregate(&[vps, sps, pps])[1..]);
    sender.send(10, MARK, &packet);
    let parts: Vec<Vec<u8>> = [(0x80, 2..4), (0, 4..5), (0x40, 5..7)]
        .map(|(flags, range)| [&[0x62, 1, flags | 19], &idr[range]].concat())
        .into();
    sender.send(10, false, &parts[0]).send(10, false, &parts[1]).send(10, MARK, &parts[2]);
    assert_eq!(sender.events(), [unit(10, &[vps, sps, pps, idr])]);
    sender.send(20, MARK, idr);
    assert_eq!(sender.events(), [unit(20, &[idr])]);
    sender.send_after_loss(1, 30, MARK, &[0x02, 1, 0x40]).send(40, MARK, &[0x64, 1, 0]).send(50, MARK, idr);
    assert_eq!(
        sender.events(),
        [
            Event::Lost(1),
            Event::Broken("a picture without its beginning"),
            Event::Broken("a packet of an unknown type"),
            unit(50, &[idr])
        ]
    );
}
