use super::*;
use crate::sources::pull::SNAPSHOT_INTERVAL;

/// `camherd.yaml` as shipped.
const EXAMPLE: &str = include_str!("../../../../camherd.example.yaml");
/// The reference.
const REFERENCE: &str = include_str!("../../../../docs/ref/config.md");

pub(super) fn parse(
    yaml: &str,
    flags: &[(&'static str, &[&str])],
    variables: &[(&str, &str)],
) -> Result<Config, ConfigError> {
    let file =
        (!yaml.is_empty()).then_some(File { path: Path::new("/etc/camherd/camherd.yaml"), text: yaml });
    let values = flags.iter().map(|(key, texts)| (*key, texts.iter().map(ToString::to_string).collect()));
    let overrides = Overrides { config: None, values: values.collect() };
    Config::parse(file, &overrides, variables.iter().map(|(name, value)| (name.into(), value.into())))
}

pub(super) fn yaml(text: &str) -> Config {
    parse(text, &[], &[]).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

pub(super) fn fault(text: &str) -> String {
    parse(text, &[], &[]).expect_err(text).to_string().replace("/etc/camherd/", "")
}

fn stream(config: &Config, name: &str) -> StreamH264 {
    config.streams[&name.parse::<StreamName>().unwrap()].h264
}

#[test]
fn nothing_given_is_the_defaults() {
    assert_eq!(parse("", &[], &[]).unwrap(), Config::default());
    assert_eq!(
        parse("", &[], &[("PATH", "/bin"), ("CAMHERD", "x"), ("CAMHERD_INGEST", "")]).unwrap(),
        Config::default()
    );
}

#[test]
fn the_table_of_keys_holds_the_defaults() {
    for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
        let mut config = Config::default();
        let text = if matches!(key.default, "[]" | "{}") { "" } else { key.default };
        apply(&mut config, key, &Input::one(text, Source::Flag(key.flag()))).unwrap();
        assert_eq!(config, Config::default(), "{}", key.path);
    }
}

#[test]
fn every_key_sets_something() {
    let values = [
        ("http.listen", "10.0.0.1:80"),
        ("http.allowed_origins", "http://a"),
        ("http.max_connections", "7"),
        ("auth", "always"),
        ("ingest", "open"),
        ("announce", "false"),
        ("default_stream", "door"),
        ("state", "x.db"),
        ("h264.bitrate", "2M"),
        ("h264.idr_period", "1s"),
        ("quality.adapt", "false"),
        ("quality.medium.height", "off"),
        ("quality.medium.fps", "7.5"),
        ("quality.medium.bitrate", "2M"),
        ("quality.low.height", "120"),
        ("quality.low.fps", "camera"),
        ("quality.low.bitrate", "100k"),
        ("limits.streams", "7"),
        ("limits.viewers", "7"),
        ("limits.encoders", "7"),
        ("limits.decoders", "7"),
        ("bus.enabled", if cfg!(target_os = "linux") { "false" } else { "true" }),
        ("bus.directory", "/x"),
        ("bus.max_bytes", "1G"),
        ("tcp_push.listen", "off"),
        ("tcp_push.max_streams", "7"),
        ("tcp_push.streams", "0=door"),
        ("tcpcam_server.listen", "10.0.0.1:3333"),
        ("tcpcam_server.pin", "47110815"),
        ("tcpcam_server.stream", "door"),
        ("tcpcam_server.max_clients", "7"),
        ("stall_timeout", "2s"),
        ("forget_after", "2h"),
        ("streams", "door"),
    ];
    assert_eq!(values.map(|(key, _)| key).as_slice(), KEYS.iter().map(|key| key.path).collect::<Vec<_>>());
    let mut all = Vec::new();
    for (key, value) in values {
        // One key means nothing without two others.
        let needed =
            if key == "tcpcam_server.listen" { "tcpcam_server: {pin: 123456, stream: yard}" } else { "" };
        let by_flag = parse(needed, &[(key, &[value])], &[]).unwrap();
        let variable = KEYS.iter().find(|known| known.path == key).unwrap().variable();
        assert_eq!(by_flag, parse(needed, &[], &[(&variable, value)]).unwrap(), "{key}");
        assert!(by_flag != Config::default() && !all.contains(&by_flag), "{key}");
        all.push(by_flag);
    }
}

#[test]
fn the_example_is_the_defaults_and_has_every_key() {
    let file = File { path: Path::new("camherd.yaml"), text: EXAMPLE };
    assert_eq!(Config::parse(Some(file), &Overrides::default(), []).unwrap(), Config::default());
    let top_level: Vec<&str> =
        EXAMPLE.lines().filter_map(|line| line.split_once(':')).map(|(key, _)| key.trim()).collect();
    for key in KEYS {
        for name in key.path.split('.') {
            assert!(top_level.contains(&name), "{} is not in the example", key.path);
        }
    }
}

#[test]
fn the_stream_example_in_the_comments_is_right_and_has_every_stream_key() {
    let streams = EXAMPLE.lines().skip_while(|line| !line.starts_with("# streams:"));
    let uncommented: Vec<&str> =
        streams.take_while(|line| line.starts_with("# ")).filter_map(|line| line.get(2..)).collect();
    let config = yaml(&uncommented.join("\n"));
    let whole = config.streams.values().find(|stream| stream.h264.size.is_some()).unwrap();
    assert!(whole.h264.bitrate.is_some() && whole.h264.idr_period.is_some());
    assert!(whole.source.is_some() && whole.size.is_some() && whole.on_demand);
    assert_ne!((whole.transport, whole.snapshot_interval), (Default::default(), SNAPSHOT_INTERVAL));
    assert_eq!(STREAM_KEYS.len(), 8, "a new key of a stream belongs into the example and into this test");
}

#[test]
fn the_reference_has_every_key_as_the_table_says() {
    let mut rows = String::new();
    for key in KEYS {
        let default =
            if key.default.is_empty() { "not set".to_owned() } else { format!("`{}`", key.default) };
        let row = format!(
            "| `{}` | {default} | `{}`<br>`--{}` | {} Takes {}. |",
            key.path,
            key.variable(),
            key.flag(),
            key.doc,
            key.expected
        );
        rows += &format!("{row}\n");
    }
    let stream_row =
        |key: &Key<Stream>| format!("| `{}` | {} Takes {}. |\n", key.path, key.doc, key.expected);
    rows.extend(STREAM_KEYS.iter().map(stream_row));
    let missing: Vec<&str> = rows.lines().filter(|row| !REFERENCE.lines().any(|line| line == *row)).collect();
    assert!(missing.is_empty(), "docs/ref/config.md lacks:\n{}", missing.join("\n"));
}

#[test]
fn flags_win_over_variables_over_file_over_defaults() {
    let file = "stall_timeout: 3s\nlimits: {streams: 3, viewers: 3}\nh264:\n  idr_period: 3s\n";
    let variables = [("CAMHERD_LIMITS_STREAMS", "4"), ("CAMHERD_LIMITS_VIEWERS", "4")];
    let config = parse(file, &[("limits.viewers", &["5"])], &variables).unwrap();
    assert_eq!(config.stall_timeout, Duration::from_secs(3));
    assert_eq!(config.h264.idr_period, Duration::from_secs(3));
    assert_eq!((config.limits.streams, config.limits.viewers), (4, 5));
    assert_eq!(config.http.max_connections, 2048);
    assert!(parse("limits: {viewers: x}", &[("limits.viewers", &["5"])], &[]).is_err(), "all are checked");
}

#[test]
fn lists_are_lists_single_values_or_have_commas() {
    let two = ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()];
    for text in [
        "http: {listen: ['127.0.0.1:1', '[::1]:2']}",
        "http:\n  listen:\n    - 127.0.0.1:1\n    - '[::1]:2'\n",
        "http.listen: '127.0.0.1:1 , [::1]:2'",
    ] {
        assert_eq!(yaml(text).http.listen, two, "{text}");
    }
    assert_eq!(yaml("http: {listen: '127.0.0.1:1'}").http.listen, two[..1]);
    let variable = [("CAMHERD_HTTP_LISTEN", "127.0.0.1:1,[::1]:2")];
    assert_eq!(parse("", &[], &variable).unwrap().http.listen, two);
    assert_eq!(parse("", &[("http.listen", &["127.0.0.1:1", "[::1]:2"])], &[]).unwrap().http.listen, two);
    let listed =
        |texts: &[&str]| AllowedOrigins::Listed(texts.iter().map(|text| text.parse().unwrap()).collect());
    assert_eq!(yaml("http: {allowed_origins: []}").http.allowed_origins, listed(&[]));
    assert_eq!(
        yaml("http: {allowed_origins: 'https://A.org/'}").http.allowed_origins,
        listed(&["https://a.org"])
    );
    for any in ["'*'", "[ '*' ]", "[https://a.org, '*']"] {
        assert_eq!(
            yaml(&format!("http: {{allowed_origins: {any}}}")).http.allowed_origins,
            AllowedOrigins::Any
        );
    }
}

#[test]
fn ingest_is_a_mode_or_networks() {
    assert_eq!(yaml("ingest: open").ingest, Ingest::Open);
    assert_eq!(yaml("ingest: [open]").ingest, Ingest::Open);
    assert_eq!(yaml("ingest: []").ingest, Ingest::Loopback);
    assert_eq!(
        yaml("ingest: [loopback, 10.0.0.9/24, 192.168.1.5]").ingest.to_string(),
        "[10.0.0.0/24, 192.168.1.5/32]"
    );
    assert!(
        fault("ingest: [open, 10.0.0.0/8]").starts_with("camherd.yaml:1:10: ingest: `open` stands alone")
    );
    assert!(
        fault("ingest:\n  - 10.0.0.0/8\n  - camera.lan\n")
            .starts_with("camherd.yaml:3:5: ingest: \"camera.lan\"")
    );
}

#[test]
fn listeners_are_switched_off_with_a_word() {
    assert!(yaml("tcp_push: {listen: off}").tcp_push.listen.is_empty());
    let wide = yaml("tcp_push: {listen: [\"0.0.0.0:1\", \"[::]:1\"]}");
    assert_eq!(wide.tcp_push.listen.len(), 2);
    assert!(fault("tcp_push: {listen: []}").contains("it is empty"));
    assert!(fault("tcp_push: {listen: [off, \"0.0.0.0:1\"]}").contains("\"off\" is not an IP address"));
    assert_eq!(wide.tcp_push.name(7), Some("stream7".parse().unwrap()));
}

#[test]
fn a_tcpcam_server_needs_a_pin_and_a_stream_and_repeats_no_pin() {
    let server = |rest: &str| format!("tcpcam_server: {{listen: \"127.0.0.1:3333\"{rest}}}");
    assert_eq!(fault(&server("")), "tcpcam_server.listen is set, which needs tcpcam_server.pin as well");
    assert!(fault(&server(", pin: 001235")).contains("needs tcpcam_server.stream"));
    let config = yaml(&server(", pin: 001235, stream: door"));
    assert_eq!(config.tcpcam_server.pin.as_ref().map(|pin| pin.expose()), Some("001235"));
    assert!(!format!("{config:?}").contains("001235"));
    for bad in ["123", "secret", "12345678901234567"] {
        let error = fault(&server(&format!(", pin: {bad}")));
        assert!(error.contains("4 to 16 digits") && !error.contains(bad), "{error}");
    }
}

#[test]
fn scalars_are_taken_as_written() {
    assert_eq!(yaml("default_stream: 007").default_stream.unwrap().as_str(), "007");
    assert_eq!(yaml("default_stream: 1e3").default_stream.unwrap().as_str(), "1e3");
    assert_eq!(yaml("default_stream: 0x10 # sixteen").default_stream.unwrap().as_str(), "0x10");
    assert_eq!(yaml("default_stream: true").default_stream.unwrap().as_str(), "true");
    assert_eq!(yaml("default_stream: \"12\"").default_stream.unwrap().as_str(), "12");
    assert_eq!(yaml("streams: {007: , no: , 1e5: {h264: }}").streams.len(), 3);
    let anchored = yaml("limits: {streams: &n 0012, viewers: *n}");
    assert_eq!((anchored.limits.streams, anchored.limits.viewers), (12, 12));
    assert_eq!(yaml("h264: {bitrate: 2000000}").h264.bitrate, Bitrate::Fixed(2_000_000));
}

#[test]
fn empty_values_and_sections_leave_the_defaults() {
    for text in ["# nothing\n", "http:\n", "http:\n  listen:\n", "default_stream: ~\nstreams:\n", "---\n"] {
        assert_eq!(
            yaml(text),
            Config { state: "/etc/camherd/camherd.db".into(), ..Config::default() },
            "{text:?}"
        );
    }
}

#[test]
fn the_state_is_beside_the_file_or_in_the_working_directory() {
    assert_eq!(yaml("auth: none").state, Path::new("/etc/camherd/camherd.db"));
    assert_eq!(yaml("state: s/x.db").state, Path::new("/etc/camherd/s/x.db"));
    assert_eq!(yaml("state: /var/x.db").state, Path::new("/var/x.db"));
    assert_eq!(parse("auth: none", &[("state", &["x.db"])], &[]).unwrap().state, Path::new("x.db"));
    assert_eq!(parse("", &[], &[("CAMHERD_STATE", "x.db")]).unwrap().state, Path::new("x.db"));
    assert_eq!(parse("", &[], &[]).unwrap().state, Path::new("camherd.db"));
}

#[test]
fn unknown_keys_name_the_place_and_the_nearest_key() {
    assert_eq!(fault("htpp:\n  listen: x\n"), "camherd.yaml:1:1: unknown key `htpp`; did you mean `http`?");
    assert_eq!(
        fault("auth: none\nhttp:\n  lisen: x\n"),
        "camherd.yaml:3:3: unknown key `http.lisen`; did you mean `http.listen`?"
    );
    assert_eq!(
        fault("viewers: 3"),
        "camherd.yaml:1:1: unknown key `viewers`; did you mean `limits.viewers`?"
    );
    assert_eq!(fault("rtsp: {}"), "camherd.yaml:1:1: unknown key `rtsp`");
    assert_eq!(
        fault("streams:\n  door:\n    h264:\n      bitrat: 1M\n"),
        "camherd.yaml:4:7: unknown key `streams.door.h264.bitrat`; did you mean `h264.bitrate`?"
    );
}

#[test]
fn bad_values_name_the_place_the_key_and_what_is_expected() {
    assert_eq!(
        fault("auth: none\nstall_timeout:   10\n"),
        "camherd.yaml:2:18: stall_timeout: \"10\" has no unit; expected a duration from 1s to 1h such as 10s or 2m"
    );
    assert!(
        fault("http: {listen: 8080}")
            .starts_with("camherd.yaml:1:16: http.listen: \"8080\" does not say which")
    );
    assert!(fault("http: {listen: 'localhost:80'}").contains("is not an IP address with a port"));
    assert!(fault("http: {listen: []}").contains("http.listen: it is empty"));
    assert!(fault("http: {listen: ['1.1.1.1:1', '1.1.1.1:1']}").contains("1.1.1.1:1 is there twice"));
    assert!(fault("http: 8080").starts_with("camherd.yaml:1:7: http: it is a section"));
    assert!(fault("auth: [token]").starts_with("camherd.yaml:1:7: auth: it takes one value, not a list"));
    assert!(fault("auth: {mode: token}").contains("auth: it is no single value"));
    assert!(fault("http: {listen: [[x]]}").contains("http.listen: it is no single value"));
    assert!(fault("auth: ''").contains("auth: \"\" is no such mode"));
    assert!(fault("http: {allowed_origins: ['*.a.org']}").contains("\"*.a.org\" is not an origin"));
    assert!(
        fault("bus: {enabled: yes}").contains("bus.enabled: \"yes\" is neither; expected `true` or `false`")
    );
    assert!(fault("bus: {max_bytes: 1k}").contains("bus.max_bytes: 1k is out of range"));
    assert!(fault("limits: {streams: 0}").contains("0 is out of range; expected a whole number from 1"));
    assert!(fault("limits: {streams: -1}").contains("\"-1\" is not a whole number"));
    assert!(fault("default_stream: Front").contains("not 'F'"));
    assert!(fault("streams: {Front: }").starts_with("camherd.yaml:1:11: streams: \"Front\""));
    assert!(
        fault("streams: {door: {h264: {size: 641x480}}}")
            .starts_with("camherd.yaml:1:31: streams.door.h264.size: 641 is odd")
    );
    assert!(fault("streams: [door]").contains("streams: it is not a table"));
    let by_variable = parse("", &[], &[("CAMHERD_AUTH", "no")]).unwrap_err().to_string();
    assert!(by_variable.starts_with("environment variable CAMHERD_AUTH: auth: \"no\""), "{by_variable}");
    let by_flag = parse("", &[("limits.viewers", &["many"])], &[]).unwrap_err().to_string();
    assert!(by_flag.starts_with("flag --limits-viewers: limits.viewers: \"many\""), "{by_flag}");
}

#[test]
fn broken_yaml_names_the_place() {
    assert!(fault("auth: none\nauth: token\n").starts_with("camherd.yaml:2:1: duplicate mapping key: auth"));
    assert!(fault("http:\n\tlisten: x").starts_with("camherd.yaml:2:"));
    assert!(fault("http: [").starts_with("camherd.yaml:1:7: "));
    assert!(fault("- auth").starts_with("camherd.yaml:1:1: a configuration is a table"));
    assert!(fault("just words").starts_with("camherd.yaml:1:1: a configuration is a table"));
    assert!(fault("auth: none\n---\nauth: token").starts_with("camherd.yaml:"));
    assert!(fault("<<: {auth: none}").starts_with("camherd.yaml:1:"));
    assert_eq!(
        fault("http: {listen: '1.1.1.1:1'}\nhttp.listen: '1.1.1.1:2'"),
        "camherd.yaml:2:1: `http.listen` is there twice"
    );
    assert!(!fault("auth: none\nauth: token\n").contains("at line"));
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &(b'b'..=b'k')
            .map(|c| {
                format!("{0}: &{0} [{1}]\n", c as char, vec![format!("*{}", (c - 1) as char); 9].join(","))
            })
            .collect::<String>();
    assert!(fault(&bomb).starts_with("camherd.yaml:"));
}

#[test]
fn nesting_and_aliases_are_bounded() {
    for deep in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
        assert!(fault(&deep).starts_with("camherd.yaml:1:"));
    }
    let shared = "streams:\n  a: &a {h264: {size: 64x64}}\n";
    let many: String = (0..200).map(|n| format!("  b{n}: *a\n")).collect();
    let config = yaml(&format!("{shared}{many}"));
    assert_eq!(stream(&config, "b199").size, Some(Size { width: 64, height: 64 }));
}

#[test]
fn no_prefix_of_the_example_panics() {
    for end in (0..EXAMPLE.len()).filter(|end| EXAMPLE.is_char_boundary(*end)) {
        if let Err(error) = parse(&EXAMPLE[..end], &[], &[]) {
            assert!(error.to_string().starts_with("/etc/camherd/camherd.yaml:"), "{error}");
        }
    }
}

#[test]
fn unknown_variables_are_errors_unless_they_belong_to_others() {
    let unknown = parse("", &[], &[("CAMHERD_HTTP_LISTN", "x")]).unwrap_err().to_string();
    assert_eq!(
        unknown,
        "unknown environment variable CAMHERD_HTTP_LISTN; did you mean `CAMHERD_HTTP_LISTEN`?"
    );
    assert!(parse("", &[], &[("CAMHERD_XYZZY", "x")]).is_err());
    let others = [
        ("CAMHERD_PORT", "tcp://10.0.0.1:8080"),
        ("CAMHERD_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("CAMHERD_SERVICE_HOST", "10.0.0.1"),
        ("CAMHERD_ALLOW_SLOW_CODECS", "1"),
        ("CAMHERD_CONFIG", "x.yaml"),
    ];
    assert_eq!(parse("", &[], &others).unwrap(), Config::default());
    let taken = |variable: String| variables::collect([(variable.into(), "x".into())]).unwrap().values.len();
    assert!(
        KEYS.iter().all(|key| taken(key.variable()) == 1),
        "a key must not look like an orchestrator's variable"
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let value = OsString::from_vec(vec![0xff]);
    let error =
        Config::parse(None, &Overrides::default(), [("CAMHERD_AUTH".into(), value.clone())]).unwrap_err();
    assert!(error.to_string().contains("CAMHERD_AUTH: auth: it is not UTF-8"), "{error}");
    assert!(Config::parse(None, &Overrides::default(), [(value.clone(), value)]).is_ok());
}

#[test]
fn streams_have_settings_of_their_own_over_the_global_ones() {
    let file = "h264: {bitrate: 1M}\nstreams:\n  door:\n    h264: {bitrate: auto, size: 320x240}\n  yard:\n";
    let flags: [(&str, &[&str]); 1] =
        [("streams", &["yard.h264.idr_period=500ms, porch", "door.h264.size=640x480"])];
    let config = parse(file, &flags, &[]).unwrap();
    assert_eq!(config.streams.len(), 3);
    assert_eq!(stream(&config, "door").size, Some(Size { width: 640, height: 480 }));
    assert_eq!(stream(&config, "porch"), StreamH264::default());
    let encoding = |name: &str| config.encoding(&name.parse().unwrap());
    assert_eq!(encoding("door").bitrate, Bitrate::Automatic);
    assert_eq!(encoding("yard").bitrate, Bitrate::Fixed(1_000_000));
    assert_eq!(encoding("yard").idr_period, Duration::from_millis(500));
    assert_eq!(
        encoding("unnamed"),
        Encoding { bitrate: Bitrate::Fixed(1_000_000), idr_period: Duration::from_secs(2), size: None }
    );
}

#[test]
fn entries_of_streams_say_what_is_wrong() {
    let entry = |text: &str| parse("", &[("streams", &[text])], &[]).unwrap_err().to_string();
    assert!(entry("door.h264.bitrat=1M").contains("no key `h264.bitrat`; did you mean `h264.bitrate`?"));
    assert!(entry("door.h264.bitrate=fast").contains("door.h264.bitrate: \"fast\" is not a bitrate"));
    assert!(entry("door.h264.bitrate").contains("has no value"));
    assert!(entry("Door").contains("not 'D'"));
    assert!(entry(".h264.bitrate=1M").contains("must not be empty"));
}

#[test]
fn more_streams_than_the_limit_are_refused() {
    let error = fault("limits: {streams: 1}\nstreams: {a: , b: }\n");
    assert_eq!(error, "streams: 2 streams are configured but limits.streams is 1; raise limits.streams");
}

#[test]
fn the_command_line_has_a_flag_for_every_key() {
    let command = || flags(clap::Command::new("camherd"));
    command().debug_assert();
    let line = [
        "camherd",
        "--config",
        "x.yaml",
        "--http-listen",
        "0.0.0.0:1,[::]:2",
        "--http-listen",
        "1.1.1.1:3",
        "--auth=none",
    ];
    let overrides = from_matches(&command().try_get_matches_from(line).unwrap());
    assert_eq!(overrides.config.as_deref(), Some(Path::new("x.yaml")));
    let config = Config::parse(None, &overrides, []).unwrap();
    assert_eq!((config.http.listen.len(), config.auth), (3, AuthMode::None));
    let help = command().render_help().to_string();
    for key in KEYS {
        assert!(
            help.contains(&format!("--{} ", key.flag())) && help.contains(&key.variable()),
            "{}",
            key.path
        );
    }
    assert!(command().try_get_matches_from(["camherd", "--auth", "none", "--auth", "token"]).is_err());
    let without_flags = clap::Command::new("other").try_get_matches_from(["other"]).unwrap();
    assert!(from_matches(&without_flags).values.is_empty());
}

#[test]
fn a_named_file_must_exist_and_be_readable() {
    let named = |path: &Path| Overrides { config: Some(path.to_owned()), values: Vec::new() };
    let directory = std::env::temp_dir().join(format!("camherd-config-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("c.yaml");
    let missing = Config::load(&named(&file), []).unwrap_err();
    assert!(
        matches!(missing, ConfigError::Missing { .. }) && missing.to_string().contains("c.yaml"),
        "{missing}"
    );
    let by_variable = Config::load(&Overrides::default(), [(CONFIG_VARIABLE.into(), file.clone().into())]);
    assert!(matches!(by_variable, Err(ConfigError::Missing { .. })));
    assert!(matches!(Config::load(&named(&directory), []), Err(ConfigError::Unreadable { .. })));
    std::fs::write(&file, "auth: always\n").unwrap();
    assert_eq!(Config::load(&named(&file), []).unwrap().auth, AuthMode::Always);
    assert_eq!(Config::load(&named(&file), []).unwrap().state, directory.join("camherd.db"));
    std::fs::write(&file, " ".repeat(MAX_FILE as usize + 1)).unwrap();
    assert!(matches!(Config::load(&named(&file), []), Err(ConfigError::TooLarge { .. })));
    std::fs::write(&file, b"auth: \xff\n").unwrap();
    assert!(matches!(Config::load(&named(&file), []), Err(ConfigError::Unreadable { .. })));
    let _ = std::fs::remove_dir_all(&directory);
}
