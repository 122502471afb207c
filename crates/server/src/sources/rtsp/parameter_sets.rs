//! Parameter sets from the description of a stream: SDP (RFC 8866), `sprop-*` of RFC 6184 8.1 and RFC 7798 7.1.

/// The parameter sets of the media section `index`, in the order of the description, each as a NAL unit
/// without start code. What cannot be read is left out: cameras repeat the sets in the stream.
pub(super) fn of_media(sdp: &[u8], index: usize) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(sdp);
    let mut media = None;
    let mut sets = Vec::new();
    for line in text.lines() {
        if line.starts_with("m=") {
            media = Some(media.map_or(0, |media: usize| media + 1));
        } else if media == Some(index)
            && let Some(format) = line.strip_prefix("a=fmtp:")
        {
            // After the payload type, `name=value` with `;` between.
            let (_, parameters) = format.split_once(' ').unwrap_or_default();
            sets.extend(parameters.split(';').flat_map(sets_of));
        }
    }
    sets
}

fn sets_of(parameter: &str) -> Vec<Vec<u8>> {
    match parameter.trim().split_once('=') {
        Some(("sprop-parameter-sets" | "sprop-vps" | "sprop-sps" | "sprop-pps", value)) => value
            .split(',')
            .filter_map(base64)
            .map(without_start_code)
            .filter(|set| !set.is_empty())
            .collect(),
        _ => Vec::new(),
    }
}

/// Some cameras put start codes around the sets.
fn without_start_code(set: Vec<u8>) -> Vec<u8> {
    let zeros = set.iter().take_while(|byte| **byte == 0).count();
    match set.get(zeros) {
        Some(1) if zeros >= 2 => set[zeros + 1..].to_vec(),
        _ => set,
    }
}

/// Base64 (RFC 4648, 4), with or without padding. `None` for anything else.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim().trim_end_matches('=');
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for digit in group {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        let missing = 4 - group.len();
        if missing == 3 {
            return None;
        }
        let [_, three @ ..] = (bits << (6 * missing)).to_be_bytes();
        bytes.extend_from_slice(&three[..3 - missing]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "v=0\r\nm=audio 0 RTP/AVP 97\r\na=fmtp:97 config=1190;sprop-sps=AAAA\r\n\
        m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAHg==,aM48gA== ;profile-level-id=42C01E\r\n\
        m=video 0 RTP/AVP 98\r\na=fmtp:98\r\na=fmtp:98 sprop-vps=QAE;sprop-sps=AAAAAUIB,!!;sprop-pps=RAE=\r\n";

    #[test]
    fn sets_are_those_of_the_media() {
        assert_eq!(of_media(SDP.as_bytes(), 1), [vec![0x67, 0x42, 0xc0, 0x1e], vec![0x68, 0xce, 0x3c, 0x80]]);
        assert_eq!(of_media(SDP.as_bytes(), 2), [[0x40, 1], [0x42, 1], [0x44, 1]]);
        assert!(of_media(SDP.as_bytes(), 3).is_empty());
        assert_eq!(of_media(SDP.replace("\r\n", "\n").as_bytes(), 1).len(), 2);
    }

    #[test]
    fn a_description_that_is_cut_gives_a_part_of_the_sets() {
        let whole = of_media(SDP.as_bytes(), 1);
        for cut in 0..SDP.len() {
            for (part, full) in of_media(&SDP.as_bytes()[..cut], 1).iter().zip(&whole) {
                assert!(full.starts_with(part), "cut at {cut}");
            }
        }
    }

    #[test]
    fn base64_of_every_length() {
        for (text, bytes) in
            [("", &b""[..]), ("Zg==", b"f"), ("Zm8=", b"fo"), ("Zm9v", b"foo"), ("Zm9vYg", b"foob")]
        {
            assert_eq!(base64(text).as_deref(), Some(bytes));
        }
        assert_eq!(base64("+/+/").as_deref(), Some(&[0xfb, 0xff, 0xbf][..]));
        assert_eq!((base64("Z"), base64("Zm9v=Zg"), base64("Zm 9")), (None, None, None));
    }
}
