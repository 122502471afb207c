use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

/// A path in a directory of its own, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("camherd-store-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        Place(directory)
    }

    fn file(&self) -> PathBuf {
        self.0.join("camherd.db")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn stored(byte: u8, role: Role, expires: Option<u64>) -> StoredToken {
    StoredToken { hash: TokenHash([byte; 32]), role, created: 7, expires, note: "n".into() }
}

fn hashes(store: &Store) -> Vec<u8> {
    store.tokens().unwrap().iter().map(|token| token.hash.0[0]).collect()
}

#[test]
fn nothing_is_written_until_there_is_something_to_remember() {
    let place = Place::new();
    let store = Store::open(place.file()).unwrap();
    assert!(!store.admin_token_exists().unwrap());
    assert!(store.find_token(&TokenHash([1; 32])).unwrap().is_none());
    assert!(store.tokens().unwrap().is_empty());
    assert!(!store.delete_token(&TokenHash([1; 32])).unwrap());
    assert!(!store.changed_elsewhere().unwrap());
    assert!(!place.file().exists());
    store.insert_token(&stored(1, Role::Admin, None)).unwrap();
    assert!(place.file().exists());
}

#[test]
fn tokens_survive_a_restart() {
    let place = Place::new();
    let tokens = [stored(1, Role::Admin, None), stored(2, Role::Session, Some(99))];
    let store = Store::open(place.file()).unwrap();
    for token in &tokens {
        store.insert_token(token).unwrap();
    }
    drop(store);
    let store = Store::open(place.file()).unwrap();
    assert!(store.tokens().unwrap() == tokens);
    assert!(store.find_token(&tokens[1].hash).unwrap().as_ref() == Some(&tokens[1]));
    assert!(store.admin_token_exists().unwrap());
    assert!(store.insert_token(&tokens[0]).is_err(), "a hash is there once");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    Store::open(place.file()).unwrap().insert_token(&stored(1, Role::Admin, None)).unwrap();
    assert_eq!(std::fs::metadata(place.file()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_first_admin_token_is_made_once() {
    let place = Place::new();
    let (one, two) = (Store::open(place.file()).unwrap(), Store::open(place.file()).unwrap());
    assert!(one.insert_first_admin_token(&stored(1, Role::Admin, None)).unwrap());
    assert!(!two.insert_first_admin_token(&stored(2, Role::Admin, None)).unwrap());
    assert_eq!(hashes(&two), [1]);
}

#[test]
fn a_reset_ends_everything_else() {
    let place = Place::new();
    let store = Store::open(place.file()).unwrap();
    store.insert_token(&stored(1, Role::Admin, None)).unwrap();
    store.insert_token(&stored(2, Role::Session, Some(99))).unwrap();
    store.replace_all_tokens(&stored(3, Role::Admin, None)).unwrap();
    assert_eq!(hashes(&store), [3]);
}

#[test]
fn sessions_end_by_time_and_by_number() {
    let place = Place::new();
    let store = Store::open(place.file()).unwrap();
    store.insert_token(&stored(1, Role::Admin, None)).unwrap();
    for (byte, expires) in [(2, 10), (3, 50), (4, 50)] {
        store.insert_session(&stored(byte, Role::Session, Some(expires)), 5, 3).unwrap();
    }
    assert_eq!(hashes(&store), [1, 2, 3, 4]);
    store.insert_session(&stored(5, Role::Session, Some(50)), 9, 3).unwrap();
    assert_eq!(hashes(&store), [1, 3, 4, 5], "the oldest goes, the admin token stays");
    store.insert_session(&stored(6, Role::Session, Some(90)), 50, 3).unwrap();
    assert_eq!(hashes(&store), [1, 6]);
    assert!(store.delete_token(&TokenHash([6; 32])).unwrap());
    assert!(!store.delete_token(&TokenHash([6; 32])).unwrap());
    assert_eq!(hashes(&store), [1]);
}

#[test]
fn changes_by_others_are_noticed_once_and_own_ones_never() {
    let place = Place::new();
    let (one, two) = (Store::open(place.file()).unwrap(), Store::open(place.file()).unwrap());
    one.insert_token(&stored(1, Role::Admin, None)).unwrap();
    assert!(two.changed_elsewhere().unwrap(), "the file has come into being");
    assert!(!two.changed_elsewhere().unwrap());
    two.insert_token(&stored(2, Role::Admin, None)).unwrap();
    assert!(!two.changed_elsewhere().unwrap());
    one.insert_token(&stored(3, Role::Admin, None)).unwrap();
    assert!(two.changed_elsewhere().unwrap());
    assert_eq!(hashes(&two), [1, 2, 3]);
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let place = Place::new();
    let text = "not a database, but longer than the hundred bytes of SQLite's header: ".repeat(10);
    std::fs::write(place.file(), &text).unwrap();
    assert!(matches!(Store::open(place.file()), Err(StoreError::Foreign { .. })));
    assert_eq!(std::fs::read_to_string(place.file()).unwrap(), text);

    let other = place.0.join("other.db");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (x); PRAGMA user_version = 1")
        .unwrap();
    let error = Store::open(&other).err().unwrap();
    assert!(matches!(error, StoreError::Foreign { .. }));
    assert!(error.to_string().contains("other.db") && error.to_string().contains("`state`"), "{error}");
}

#[test]
fn a_newer_schema_is_refused() {
    let place = Place::new();
    Store::open(place.file()).unwrap().insert_token(&stored(1, Role::Admin, None)).unwrap();
    let newer = MIGRATIONS.len() as i64 + 1;
    Connection::open(place.file()).unwrap().pragma_update(None, "user_version", newer).unwrap();
    assert!(matches!(Store::open(place.file()), Err(StoreError::Newer { version, .. }) if version == newer));
}

#[test]
fn a_role_of_another_version_opens_nothing() {
    let place = Place::new();
    let store = Store::open(place.file()).unwrap();
    store.insert_token(&stored(1, Role::Admin, None)).unwrap();
    Connection::open(place.file()).unwrap().execute("UPDATE tokens SET role = 'viewer'", []).unwrap();
    assert!(store.tokens().unwrap().is_empty());
    assert!(store.find_token(&TokenHash([1; 32])).unwrap().is_none());
}

#[test]
fn a_file_that_cannot_be_made_or_opened_says_so() {
    let place = Place::new();
    let store = Store::open(place.0.join("missing").join("camherd.db")).unwrap();
    let error = store.insert_token(&stored(1, Role::Admin, None)).unwrap_err();
    assert!(matches!(error, StoreError::Create { .. }) && error.to_string().contains("`state`"), "{error}");
    assert!(matches!(Store::open(&place.0), Err(StoreError::Open { .. })), "a directory");
}

fn camera(name: &str, url: &str) -> StoredStream {
    StoredStream {
        name: name.parse().unwrap(),
        id: name.to_uppercase(),
        url: url.to_owned(),
        size: Some((640, 480)),
        on_demand: true,
        transport: "udp".to_owned(),
        created: 7,
    }
}

#[test]
fn streams_are_kept_in_order_and_leave_no_password_behind() {
    let place = Place::new();
    let store = Store::open(place.file()).unwrap();
    assert!(store.streams().unwrap().is_empty());
    let (yard, mut door) = (camera("yard", "rtsp://u:hunter2@a/"), camera("door", "http://b/"));
    door.size = None;
    store.insert_stream(&yard).unwrap();
    store.insert_stream(&door).unwrap();
    let again = Store::open(place.file()).unwrap();
    assert!(again.streams().unwrap() == [yard.clone(), door.clone()]);
    door.url = "http://c/".to_owned();
    store.insert_stream(&door).unwrap();
    assert!(again.streams().unwrap() == [yard.clone(), door.clone()], "of one name there is one");
    assert!(store.delete_stream(&yard.name).unwrap());
    assert!(!store.delete_stream(&yard.name).unwrap());
    assert!(again.streams().unwrap() == [door]);
    let file = std::fs::read(place.file()).unwrap();
    assert!(!file.windows(7).any(|bytes| bytes == b"hunter2"), "what is deleted is overwritten");
}

#[test]
fn a_file_of_the_first_version_gains_the_table_of_streams() {
    let place = Place::new();
    let old = Connection::open(place.file()).unwrap();
    old.execute_batch(MIGRATIONS[0]).unwrap();
    old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    let store = Store::open(place.file()).unwrap();
    store.insert_token(&stored(1, Role::Admin, None)).unwrap();
    store.insert_stream(&camera("door", "http://a/")).unwrap();
    assert_eq!((store.tokens().unwrap().len(), store.streams().unwrap().len()), (1, 1));
}
