//! A made-up scene with what matters to codecs about a camera: soft shading, sharp edges, texture, things
//! that move, and sensor noise. Used by the tests and the measuring example.

use camherd_codec::Picture;

/// What the scene does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// Nothing moves, and there is no noise.
    Frozen,
    /// Nothing moves; only the noise changes from frame to frame.
    Still,
    /// Things move across the picture.
    Moving,
}

/// A small generator of noise (xorshift), the same on every machine.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Paints frame number `frame` of the scene into `picture`, at whatever size it has. `noise` is the largest
/// deviation of a luma sample in either direction.
pub fn paint(picture: &mut Picture, frame: u32, motion: Motion, noise: u8) {
    let (width, height) = (picture.width() as i32, picture.height() as i32);
    let step = if motion == Motion::Moving { frame as i32 } else { 0 };
    let (ball_x, ball_y) = ((step * 5) % width, height / 2 + ((step % 60) - 30) * height / 120);
    let (box_x, size) = ((step * 3 + width / 3) % width, height / 8);
    let amplitude = if motion == Motion::Frozen { 0 } else { u64::from(noise) };
    let mut random = Noise(0x9e37_79b9_7f4a_7c15 ^ (u64::from(frame) << 20) ^ 1);
    let [mut y, mut u, mut v] = picture.planes_mut();
    for (row, samples) in y.rows_mut().enumerate() {
        let row = row as i32;
        let mut bits = 0_u64;
        for (x, sample) in samples.iter_mut().enumerate() {
            let x = x as i32;
            let mut value = 60 + x * 90 / width + row * 60 / height;
            // Texture like foliage in the lower third, a wall with lines in the rest.
            value += if row > height * 2 / 3 {
                ((x * 7 + row * 13) ^ (x * row / 8)) & 15
            } else {
                i32::from(x % 64 == 0) * 30
            };
            let (dx, dy) = (x - ball_x, row - ball_y);
            if dx * dx + dy * dy < size * size {
                value = 200 - (dx + dy) / 4;
            } else if (box_x..box_x + size).contains(&x) && (height / 6..height / 6 + size).contains(&row) {
                value = 40 + ((x - box_x) / 8 % 2) * 60;
            }
            if amplitude > 0 {
                if x % 8 == 0 {
                    bits = random.next();
                }
                value += ((bits & 0xff) * (2 * amplitude + 1) / 256) as i32 - amplitude as i32;
                bits >>= 8;
            }
            *sample = value.clamp(0, 255) as u8;
        }
    }
    for (row, (cb, cr)) in u.rows_mut().zip(v.rows_mut()).enumerate() {
        let row = row as i32 * 2;
        for (x, (cb, cr)) in cb.iter_mut().zip(cr.iter_mut()).enumerate() {
            let x = x as i32 * 2;
            let (dx, dy) = (x - ball_x, row - ball_y);
            let ball = dx * dx + dy * dy < size * size;
            *cb = if ball { 90 } else { (118 + x * 20 / width) as u8 };
            *cr = if ball { 170 } else { (122 + row * 14 / height) as u8 };
        }
    }
}
