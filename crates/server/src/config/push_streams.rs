//! `tcp_push.streams`: which stream a number of the TCP push protocol is. A table of the file, and its one-line form
//! for variables and flags: `NUMBER=NAME`.

use super::Config;
use super::input::{Input, Invalid};
use super::streams;
use super::value::Problem;

/// The key of the table.
pub(super) const PATH: &str = "tcp_push.streams";

/// Sets entry by entry: other numbers stay as they are.
pub(super) fn set(config: &mut Config, input: &Input) -> Result<(), Invalid> {
    for (text, source) in input.entries() {
        let invalid = |problem: Problem| Invalid { source: source.clone(), problem };
        let (number, name) =
            text.split_once('=').ok_or_else(|| invalid(format!("{text:?} is not NUMBER=NAME")))?;
        entry(config, number.trim(), name.trim()).map_err(invalid)?;
    }
    Ok(())
}

/// Gives the stream of one number its name.
pub(super) fn entry(config: &mut Config, number: &str, name: &str) -> Result<(), Problem> {
    let number: u16 = number.parse().map_err(|_| format!("{number:?} is not a number from 0 to 65535"))?;
    let name = streams::name(name)?;
    let names = &mut config.tcp_push.streams;
    if let Some((other, _)) = names.iter().find(|(other, known)| **other != number && **known == name) {
        return Err(format!("stream {name} is that of number {other} already"));
    }
    names.insert(number, name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fault, parse, yaml};

    #[test]
    fn numbers_get_names_in_every_place() {
        let config = yaml("tcp_push:\n  streams: {0: door, 7: yard}\n");
        let names = |config: &super::Config| {
            config.tcp_push.streams.iter().map(|(n, name)| format!("{n}={name}")).collect::<Vec<_>>()
        };
        assert_eq!(names(&config), ["0=door", "7=yard"]);
        let flags = parse("tcp_push: {streams: {0: door}}", &[("tcp_push.streams", &["1=yard,0=gate"])], &[]);
        assert_eq!(names(&flags.unwrap()), ["0=gate", "1=yard"]);
        assert_eq!(names(&yaml("tcp_push: {streams: [3=door]}")), ["3=door"]);
    }

    #[test]
    fn what_is_no_number_or_name_is_named_with_its_place() {
        let error = fault("tcp_push:\n  streams:\n    front: door\n");
        assert!(
            error.starts_with("camherd.yaml:3:5: tcp_push.streams: \"front\" is not a number"),
            "{error}"
        );
        assert!(fault("tcp_push: {streams: {65536: door}}").contains("65536"));
        assert!(fault("tcp_push: {streams: {1: Door}}").contains("not 'D'"));
        assert!(fault("tcp_push: {streams: {1: door, 2: door}}").contains("number 1 already"));
        assert!(fault("tcp_push: {streams: {1: [a]}}").contains("tcp_push.streams.1: it is no stream name"));
        let flag = parse("", &[("tcp_push.streams", &["door"])], &[]).unwrap_err().to_string();
        assert!(flag.contains("\"door\" is not NUMBER=NAME"), "{flag}");
    }
}
