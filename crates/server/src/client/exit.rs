//! How a command ended, as scripts see it.

/// The exit status of `camherd grab` and `camherd push`. `docs/ref/cli.md` lists them; they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked for was done.
    Done,
    /// The command line, or the machine, does not allow it.
    Usage,
    /// No connection, or not one picture.
    NoPicture,
    /// The source ended before all was done.
    Ended,
    /// What was taken cannot be written.
    CannotWrite,
    /// A signal ended it.
    Signal(u8),
}

impl Exit {
    /// The status, 0 to 255. A signal's is 128 and its number, as shells report it.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Usage => 1,
            Exit::NoPicture => 2,
            Exit::Ended => 3,
            Exit::CannotWrite => 4,
            Exit::Signal(number) => 128u8.saturating_add(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_documentation() {
        let exits = [Exit::Done, Exit::Usage, Exit::NoPicture, Exit::Ended, Exit::CannotWrite];
        assert_eq!(exits.map(Exit::code), [0, 1, 2, 3, 4]);
        assert_eq!([1, 2, 15].map(|number| Exit::Signal(number).code()), [129, 130, 143]);
    }
}
