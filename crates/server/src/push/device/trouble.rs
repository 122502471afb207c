//! What V4L2 means by the system's errors, whose own words are about files and disks.

use std::io;

/// Errors of Linux that have no [`io::ErrorKind`] (errno(3)): the same numbers on all of its machines.
const ENXIO: i32 = 6;
const ENODEV: i32 = 19;
const ENOTTY: i32 = 25;

/// The error in the words of a camera; one that means nothing else there stays as it is.
pub(super) fn explained(error: io::Error) -> io::Error {
    let words = match (error.kind(), error.raw_os_error()) {
        (_, Some(ENODEV | ENXIO)) => "it is not there any more: it was unplugged",
        (_, Some(ENOTTY)) => "it is no camera",
        (io::ErrorKind::NotFound, Some(_)) => {
            "there is no such device; `ls /dev/video*` shows those that there are"
        }
        (io::ErrorKind::PermissionDenied, Some(_)) => {
            "this user may not read it; on most systems the group `video` may"
        }
        (io::ErrorKind::ResourceBusy, Some(_)) => "another program uses it",
        (io::ErrorKind::StorageFull, Some(_)) => {
            "its USB bus has no room for the pictures; try a smaller --size or --fps, or another port"
        }
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{words} ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_is_away_or_taken_is_said_so_and_other_errors_stay() {
        for (number, words) in [(ENODEV, "unplugged"), (16, "another program uses it"), (28, "USB")] {
            let said = explained(io::Error::from_raw_os_error(number)).to_string();
            assert!(said.contains(words) && said.contains(&format!("os error {number}")), "{said}");
        }
        let own = io::Error::new(io::ErrorKind::NotFound, "of its own");
        assert_eq!(explained(own).to_string(), "of its own");
        assert_eq!(explained(io::Error::from_raw_os_error(5)).raw_os_error(), Some(5));
    }
}
