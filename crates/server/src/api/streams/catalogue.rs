//! What was created through the API: in memory to be asked, in the store to outlive a restart.
//!
//! Two ids may stand for one stream: a camera that somebody asks for by its URL may be fetched already, under
//! a name of the operator's. The second id then *shares* the first one's stream, because a small camera serves
//! one viewer and the server is to be that one.

use super::wanted::Wanted;
use crate::config::Config;
use crate::sources::pull::{SNAPSHOT_INTERVAL, Source, Spec, Transport};
use crate::store::{Store, StoreError, StoredStream};
use camherd_media::ids::StreamName;
use md5::{Digest, Md5};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};

/// What the id of a stream that is asked for by its URL begins with.
const BY_URL: &str = "stream_";
/// Hexadecimal digits of the URL's MD5 in such an id: clients of the RTSP single-ingest server expect 16
/// characters in all.
const ID_DIGITS: usize = 9;

/// The name that an id stands for: upper-case letters count as lower-case ones.
#[must_use]
pub fn fold(id: &str) -> Option<StreamName> {
    id.to_ascii_lowercase().parse().ok()
}

/// The id of a stream that is asked for by its URL.
#[must_use]
pub fn id_of_url(url: &str) -> String {
    let mut id = BY_URL.to_owned();
    for byte in Md5::digest(url) {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id.truncate(BY_URL.len() + ID_DIGITS);
    id
}

/// How a transport is kept: as it is parsed.
fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

/// One stream that was created.
#[derive(Clone)]
pub struct Entry {
    /// The id as given.
    pub id: String,
    /// What to fetch, under the name that the id stands for.
    pub spec: Spec,
    /// The stream that it shares, where another one fetches the same camera.
    pub shares: Option<StreamName>,
    /// Whether it was asked for by its URL.
    by_url: bool,
}

impl Entry {
    /// An entry of its own for what is wanted.
    #[must_use]
    pub fn new(wanted: &Wanted) -> Entry {
        let spec = Spec {
            name: wanted.name.clone(),
            source: wanted.source.clone(),
            transport: wanted.transport,
            snapshot_interval: SNAPSHOT_INTERVAL,
            size: Some(wanted.size),
            on_demand: wanted.on_demand,
        };
        Entry { id: wanted.id.clone(), spec, shares: None, by_url: wanted.id == id_of_url(&wanted.url) }
    }

    /// `None` when this version cannot fetch it.
    fn from_stored(stored: StoredStream) -> Option<Entry> {
        let by_url = stored.id == id_of_url(&stored.url);
        let spec = Spec {
            name: stored.name,
            source: stored.url.parse().ok()?,
            transport: stored.transport.parse().ok()?,
            snapshot_interval: SNAPSHOT_INTERVAL,
            size: stored.size,
            on_demand: stored.on_demand,
        };
        Some(Entry { id: stored.id, spec, shares: None, by_url })
    }
}

/// The streams that were created through the API.
pub struct Catalogue {
    store: Arc<Store>,
    entries: RwLock<BTreeMap<StreamName, Entry>>,
    /// Held over each change, so that of two for one name the second sees the first.
    pub(super) turn: tokio::sync::Mutex<()>,
}

impl Catalogue {
    /// What the store holds, but for names that the configuration has: it wins.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(store: Arc<Store>, config: &Config) -> Result<Catalogue, StoreError> {
        let stored = store.streams()?;
        let catalogue = Catalogue { store, entries: RwLock::default(), turn: tokio::sync::Mutex::default() };
        for stream in stored {
            let name = stream.name.clone();
            if config.streams.contains_key(&name) {
                tracing::info!(stream = %name, "created through the API before; the configuration's takes its place");
                continue;
            }
            let Some(mut entry) = Entry::from_stored(stream) else {
                tracing::warn!(stream = %name, "created through the API, and not a camera that this version knows");
                continue;
            };
            entry.shares = catalogue.same_camera(&entry, config);
            catalogue.put(entry);
        }
        Ok(catalogue)
    }

    /// All entries, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Entry> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The entry of that name.
    #[must_use]
    pub fn get(&self, name: &StreamName) -> Option<Entry> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The name of the stream that an id of an address stands for, whether there is one or not.
    #[must_use]
    pub fn resolve(&self, id: &str) -> Option<StreamName> {
        let name = fold(id)?;
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        Some(entries.get(&name).and_then(|entry| entry.shares.clone()).unwrap_or(name))
    }

    /// The stream that fetches the camera of `entry` already, if the entry may share it: only an id that was
    /// made of a URL may, as who chooses a name wants a stream of that name.
    #[must_use]
    pub(super) fn same_camera(&self, entry: &Entry, config: &Config) -> Option<StreamName> {
        if !entry.by_url {
            return None;
        }
        let is_same = |source: &Source, transport: Transport| {
            *source == entry.spec.source && transport == entry.spec.transport
        };
        let mut configured =
            config.streams.iter().filter_map(|(name, s)| Some((name, s.source.as_ref()?, s.transport)));
        if let Some((name, ..)) = configured.find(|(_, source, transport)| is_same(source, *transport)) {
            return Some(name.clone());
        }
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let mut own =
            entries.values().filter(|other| other.shares.is_none() && other.spec.name != entry.spec.name);
        own.find(|other| is_same(&other.spec.source, other.spec.transport))
            .map(|other| other.spec.name.clone())
    }

    /// Remembers an entry. Blocks on the disk.
    pub(super) fn insert(&self, entry: Entry, wanted: &Wanted, now: u64) -> Result<(), StoreError> {
        self.store.insert_stream(&StoredStream {
            name: wanted.name.clone(),
            id: wanted.id.clone(),
            url: wanted.url.clone(),
            size: Some(wanted.size),
            on_demand: wanted.on_demand,
            transport: transport_name(wanted.transport).to_owned(),
            created: now,
        })?;
        self.put(entry);
        Ok(())
    }

    /// Forgets an entry, and says which other entries shared its stream: the first of them has it now, and
    /// is to be fetched. Blocks on the disk.
    pub(super) fn remove(&self, name: &StreamName) -> Result<Option<Entry>, StoreError> {
        self.store.delete_stream(name)?;
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.remove(name);
        let mut heir: Option<Entry> = None;
        for entry in entries.values_mut().filter(|entry| entry.shares.as_ref() == Some(name)) {
            entry.shares = heir.as_ref().map(|heir| heir.spec.name.clone());
            heir.get_or_insert_with(|| entry.clone());
        }
        Ok(heir)
    }

    fn put(&self, entry: Entry) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.insert(entry.spec.name.clone(), entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Place(std::path::PathBuf);

    impl Place {
        fn new(test: &str) -> Place {
            let name = format!("camherd-catalogue-{test}-{}.sqlite", std::process::id());
            Place(std::env::temp_dir().join(name))
        }

        fn load(&self, config: &Config) -> Catalogue {
            Catalogue::load(Arc::new(Store::open(&self.0).unwrap()), config).unwrap()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn put(catalogue: &Catalogue, config: &Config, id: Option<&str>, url: &str) -> Entry {
        let body = json!({"stream_id": id, "rtsp_url": url});
        let body = body.as_object().unwrap();
        let wanted = if id.is_some() { Wanted::with_id(body) } else { Wanted::by_url(body) }.unwrap();
        let mut entry = Entry::new(&wanted);
        entry.shares = catalogue.same_camera(&entry, config);
        catalogue.insert(entry.clone(), &wanted, 7).unwrap();
        entry
    }

    fn shares(catalogue: &Catalogue) -> Vec<(String, Option<String>)> {
        let text = |name: Option<StreamName>| name.map(|name| name.to_string());
        catalogue.all().into_iter().map(|entry| (entry.id, text(entry.shares))).collect()
    }

    #[test]
    fn an_id_of_a_url_has_16_characters() {
        // printf rtsp://cam/x | md5sum
        assert_eq!(id_of_url("rtsp://cam/x"), "stream_5a39732a2");
        assert_eq!(id_of_url("rtsp://cam/x").len(), 16);
        assert_eq!(fold("Front-Door_2").unwrap().as_str(), "front-door_2");
        assert_eq!(fold("a/b"), None);
    }

    #[test]
    fn who_asks_by_url_shares_what_is_fetched_and_who_chooses_a_name_does_not() {
        let place = Place::new("share");
        let config = Config::default();
        let catalogue = place.load(&config);
        put(&catalogue, &config, Some("Door"), "rtsp://u:p@cam/x");
        put(&catalogue, &config, Some("door-2"), "rtsp://u:p@cam/x");
        let one = put(&catalogue, &config, None, "rtsp://u:p@cam/x").id;
        let two = put(&catalogue, &config, None, "rtsp://u:p@cam/x#again").id;
        put(&catalogue, &config, None, "rtsp://other@cam/x");
        let door = || Some("door".to_owned());
        let shared: Vec<_> = shares(&catalogue).into_iter().filter(|(_, shares)| shares.is_some()).collect();
        let mut expected = vec![(one.clone(), door()), (two.clone(), door())];
        expected.sort();
        assert_eq!(shared, expected);
        assert_eq!(catalogue.resolve(&one.to_uppercase()).unwrap().as_str(), "door");
        assert_eq!(catalogue.resolve("Nobody").unwrap().as_str(), "nobody");
        assert_eq!(shares(&place.load(&config)), shares(&catalogue), "the same after a restart");
    }

    #[test]
    fn an_id_that_shared_a_stream_inherits_its_camera() {
        let place = Place::new("inherit");
        let config = Config::default();
        let catalogue = place.load(&config);
        put(&catalogue, &config, Some("door"), "rtsp://cam/x");
        put(&catalogue, &config, None, "rtsp://cam/x");
        put(&catalogue, &config, None, "rtsp://cam/x#again");
        let heir = catalogue.remove(&"door".parse().unwrap()).unwrap().unwrap();
        assert_eq!(heir.shares, None);
        let now: Vec<Option<String>> = shares(&catalogue).into_iter().map(|(_, shares)| shares).collect();
        assert_eq!(now, [None, Some(heir.id.clone())]);
        let last = catalogue.remove(&heir.spec.name).unwrap().unwrap();
        assert!(catalogue.remove(&last.spec.name).unwrap().is_none());
        assert_eq!(catalogue.count(), 0);
    }

    #[test]
    fn the_configuration_wins_and_what_is_not_understood_is_left_out() {
        let place = Place::new("config");
        let mut config = Config::default();
        let catalogue = place.load(&config);
        put(&catalogue, &config, Some("door"), "rtsp://cam/x");
        put(&catalogue, &config, None, "rtsp://cam/y");
        let mut strange = StoredStream {
            name: "strange".parse().unwrap(),
            id: "strange".to_owned(),
            url: "gopher://cam/".to_owned(),
            size: None,
            on_demand: false,
            transport: "tcp".to_owned(),
            created: 0,
        };
        catalogue.store.insert_stream(&strange).unwrap();
        (strange.name, strange.url) = ("strange-2".parse().unwrap(), "rtsp://cam/".to_owned());
        strange.transport = "pigeon".to_owned();
        catalogue.store.insert_stream(&strange).unwrap();
        let camera =
            |url: &str| crate::config::Stream { source: Some(url.parse().unwrap()), ..Default::default() };
        config.streams.insert("door".parse().unwrap(), camera("rtsp://cam/z"));
        config.streams.insert("yard".parse().unwrap(), camera("rtsp://cam/y"));
        assert_eq!(
            shares(&place.load(&config)),
            [(id_of_url("rtsp://cam/y"), Some("yard".to_owned()))],
            "a camera that is configured by now is not fetched a second time"
        );
    }
}
