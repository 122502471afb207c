//! Tests of what the configuration says about cameras that are pulled, and about ports.

use super::tests::{fault, parse, yaml};
use super::*;
use crate::sources::pull::Transport;

const URL: &str = "rtsp://admin:hunter2@10.0.0.5/stream";

fn by_flags(texts: &[&str]) -> Result<Config, ConfigError> {
    parse("", &[("streams", texts)], &[])
}

fn source(config: &Config, name: &str) -> Option<String> {
    let stream = config.streams.get(&name.parse::<StreamName>().unwrap())?;
    stream.source.as_ref().map(|source| source.expose().to_owned())
}

#[test]
fn a_stream_is_a_url_or_a_table() {
    let config = yaml(&format!(
        "streams:\n  door: {URL}\n  yard:\n    source: http://10.0.0.6:81/stream\n    size: 641x480\n    \
         on_demand: true\n    rtsp: {{transport: udp}}\n    snapshot_interval: 2s\n  gate:\n"
    ));
    assert_eq!(source(&config, "door").as_deref(), Some(URL));
    let stream = |name: &str| config.streams[&name.parse::<StreamName>().unwrap()].clone();
    let yard = stream("yard");
    assert_eq!((yard.size, yard.on_demand, yard.transport), (Some((641, 480)), true, Transport::Udp));
    assert_eq!(yard.snapshot_interval, Duration::from_secs(2));
    assert_eq!(stream("gate"), Stream::default());
    assert!(!format!("{config:?}").contains("hunter2"), "a debug log shows no password");
}

#[test]
fn entries_of_variables_and_flags_take_urls() {
    let odd = "rtsp://u:p@cam/x?a=1,b=2&c,d;e=f,";
    for (text, expected) in [
        (format!("door={URL}"), vec![("door", URL)]),
        (format!(" door = {URL} , yard=http://cam/"), vec![("door", URL), ("yard", "http://cam/")]),
        (format!("door={odd}"), vec![("door", odd)]),
        (format!("door={odd},yard.source={URL}"), vec![("door", odd), ("yard", URL)]),
        (format!("gate,door.source={URL},door.size=64x64"), vec![("door", URL)]),
        (
            format!("gate,door={URL},yard=9,gate2"),
            vec![("door", "rtsp://admin:hunter2@10.0.0.5/stream,yard=9,gate2")],
        ),
    ] {
        let config = by_flags(&[&text]).unwrap_or_else(|error| panic!("{text}: {error}"));
        let set: Vec<_> = config
            .streams
            .keys()
            .filter_map(|name| Some((name.to_string(), source(&config, name.as_str())?)))
            .collect();
        let expected: Vec<_> =
            expected.into_iter().map(|(name, url)| (name.to_owned(), url.to_owned())).collect();
        assert_eq!(set, expected, "{text}");
    }
    let config = by_flags(&["door=http://a/,b", "gate"]).unwrap();
    assert_eq!(config.streams.len(), 2, "of several flags, each is an entry of its own");
    let variable = [("CAMHERD_STREAMS", "door=rtsp://cam/x,gate.on_demand=true")];
    let config =
        parse(&format!("streams: {{door: {{source: '{URL}', on_demand: true}}}}"), &[], &variable).unwrap();
    assert_eq!(source(&config, "door").as_deref(), Some("rtsp://cam/x"), "a variable wins over the file");
    assert!(config.streams.values().all(|stream| stream.on_demand), "and changes only what it names");
}

#[test]
fn what_is_wrong_with_a_camera_is_said_without_its_url() {
    for text in [
        "streams: {door: 'ftp://admin:hunter2@cam/'}".to_owned(),
        "streams: {door: 'admin:hunter2@cam'}".to_owned(),
        "streams: {door: {source: 'rtsps://admin:hunter2@cam/'}}".to_owned(),
        format!("streams: {{door: {{size: '{URL}'}}}}"),
        format!("streams: {{door: {{on_demand: '{URL}'}}}}"),
        format!("streams: {{door: {{h264: {{bitrate: '{URL}'}}}}}}"),
        format!("streams: {{door: {{rtsp.transport: '{URL}'}}}}"),
        format!("streams: {{'{URL}': }}"),
        format!("streams: ['{URL}']"),
        format!("'{URL}': door"),
        format!("default_stream: {URL}"),
    ] {
        let error = fault(&text);
        assert!(error.starts_with("camherd.yaml:1:") && !error.contains("hunter2"), "{error}");
    }
    for text in [
        URL.to_owned(),
        format!("Door={URL}"),
        format!("Door.x={URL}"),
        format!("door.x={URL}"),
        format!("door.size={URL}"),
        "door=ftp://admin:hunter2@cam/".to_owned(),
        "door=admin:hunter2@cam".to_owned(),
        "admin:hunter2@cam".to_owned(),
        "admin:hunter2@cam/?a=b".to_owned(),
    ] {
        let error = by_flags(&[&text]).expect_err(&text).to_string();
        assert!(error.starts_with("flag --streams: streams: ") && !error.contains("hunter2"), "{error}");
    }
    assert_eq!(
        fault("streams:\n  door: /dev/video0\n"),
        "camherd.yaml:2:9: streams.door: it is not a URL such as rtsp://user:password@192.168.1.20/stream1: \
         relative URL without a base; expected a camera's URL, settings such as `source:`, or nothing"
    );
    assert!(fault("streams: {door: 5}").contains("streams.door: it is not a URL"));
    assert!(fault("streams: {door: [rtsp://cam/]}").contains("streams.door: it is a list"));
    assert!(
        fault("streams: {door: {on_demand: 1}}").contains("\"1\" is neither; expected `true` or `false`")
    );
    assert!(fault("streams: {door: {size: 8x8}}").contains("8 is out of range"));
}

#[test]
fn the_old_servers_port_is_changed_by_its_variable_unless_addresses_are_given() {
    let ports = |yaml: &str, port: &str| {
        let config = parse(yaml, &[], &[("PORT", port)])?;
        assert!(config.http.listen.iter().all(|address| address.ip().is_loopback()));
        Ok::<_, ConfigError>(config.http.listen.iter().map(SocketAddr::port).collect::<Vec<_>>())
    };
    assert_eq!(ports("", "").unwrap(), [8080, 8091]);
    assert_eq!(ports("auth: none", "9000").unwrap(), [8080, 9000]);
    assert_eq!(ports("", "8080").unwrap(), [8080]);
    assert_eq!(ports("http: {listen: '127.0.0.1:1'}", "9000").unwrap(), [1]);
    assert_eq!(ports("http: {listen: '127.0.0.1:1'}", "none of ours").unwrap(), [1]);
    let variables = [("PORT", "9000"), ("CAMHERD_HTTP_LISTEN", "127.0.0.1:2")];
    assert_eq!(parse("", &[], &variables).unwrap().http.listen[0].port(), 2);
    let error = ports("", "70000").unwrap_err().to_string();
    assert!(error.starts_with("environment variable PORT: http.listen: \"70000\" is not a port"), "{error}");
}
