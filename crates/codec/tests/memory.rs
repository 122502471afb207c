//! What is free goes back to the system. Alone in its process, which it measures.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

#[test]
fn what_is_free_between_what_is_held_goes_back() {
    /// Resident memory of this process, in pages.
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
    const PICTURE: usize = 64 << 10;
    const PICTURES: usize = 1000;
    camherd_codec::memory::share();
    let before = resident();
    // Each picture with something small behind it that stays.
    let (pictures, held): (Vec<_>, Vec<_>) =
        (0..PICTURES).map(|n| (vec![n as u8 | 1; PICTURE], vec![n as u8; 100])).unzip();
    let full = resident();
    assert!(full > before);
    drop(pictures);
    camherd_codec::memory::give_back();
    let after = resident();
    assert!(after < before + (full - before) / 4, "{before}, {full}, {after} pages");
    assert_eq!(held.len(), PICTURES);
}
