//! The state store: one SQLite file for what the server must remember across restarts.
//!
//! Here: the file, its migrations, the table of token hashes, and that of the streams that the API created
//! ([`StoredStream`]). Not here: configuration (the operator's file) and tokens themselves (only their SHA-256 is
//! stored). The file comes into being with the first thing to remember: a server that only listens on loopback
//! and creates no stream writes nothing. Calls block on the disk for milliseconds.

mod streams;
#[cfg(test)]
mod tests;

pub use streams::StoredStream;

use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params,
};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long to wait for another process that is writing: `camherd token reset` takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Marks the file as camherd's (SQLite's `application_id`, "camh"), so that no other program's database is
/// written.
const APPLICATION_ID: i32 = 0x6361_6d68;

/// The steps from an empty file to the present schema; `user_version` counts those done. Steps never change.
const MIGRATIONS: &[&str] = &[
    "CREATE TABLE tokens (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        role TEXT NOT NULL,
        hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
        created INTEGER NOT NULL,
        expires INTEGER,
        note TEXT NOT NULL DEFAULT ''
    ) STRICT",
    "CREATE TABLE streams (
        name TEXT NOT NULL UNIQUE,
        id TEXT NOT NULL,
        url TEXT NOT NULL,
        width INTEGER,
        height INTEGER,
        on_demand INTEGER NOT NULL,
        transport TEXT NOT NULL,
        created INTEGER NOT NULL
    ) STRICT",
];

/// The SHA-256 of a token or of a session's secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

/// What a stored hash is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May do everything; does not expire.
    Admin,
    /// A browser that signed in with the admin token.
    Session,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Session => "session",
        }
    }

    fn parse(text: &str) -> Option<Role> {
        [Role::Admin, Role::Session].into_iter().find(|role| role.as_str() == text)
    }
}

/// A stored token. Times are seconds since 1970-01-01 UTC.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// Its hash.
    pub hash: TokenHash,
    /// What it is good for.
    pub role: Role,
    /// When it was made.
    pub created: u64,
    /// When it ends; `None` never.
    pub expires: Option<u64>,
    /// A remark for people.
    pub note: String,
}

/// Why the state cannot be read or written; `source()` holds the cause.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made.
    #[error("{}: cannot create the state file; make its directory writable or set `state` to another path", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file cannot be opened.
    #[error("{}: cannot open the state file; check that it may be read and written", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The file is no database, or another program's.
    #[error("{}: not a camherd state file; set `state` to another path", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file has a schema that this version does not know.
    #[error("{}: written by a newer camherd (schema {version}, this one knows {}); update camherd or set `state` to another path", path.display(), MIGRATIONS.len())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        version: i64,
    },
    /// Reading or writing failed.
    #[error("{}: the state file cannot be {action}", path.display())]
    Query {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

/// The state file. Shared by reference; one call at a time.
pub struct Store {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    connection: Option<Connection>,
    /// SQLite's `data_version` when [`Store::changed_elsewhere`] last looked; `None` before there was a file.
    seen: Option<i64>,
}

impl Store {
    /// Opens the file, brought to the present schema, if it exists; else it is made by the first write.
    ///
    /// # Errors
    /// When the file exists and is not a readable state file of this version or an older one.
    pub fn open(path: impl Into<PathBuf>) -> Result<Store, StoreError> {
        let store = Store { path: path.into(), inner: Mutex::default() };
        store.changed_elsewhere()?;
        Ok(store)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is an admin token.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn admin_token_exists(&self) -> Result<bool, StoreError> {
        self.read(false, |connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM tokens WHERE role = ?1)";
            connection.query_row(sql, [Role::Admin.as_str()], |row| row.get(0))
        })
    }

    /// The token with this hash. Does not look at its expiry.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn find_token(&self, hash: &TokenHash) -> Result<Option<StoredToken>, StoreError> {
        self.read(None, |connection| {
            let sql = "SELECT hash, role, created, expires, note FROM tokens WHERE hash = ?1";
            Ok(connection.query_row(sql, [&hash.0[..]], token).optional()?.flatten())
        })
    }

    /// Every token, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tokens(&self) -> Result<Vec<StoredToken>, StoreError> {
        self.read(Vec::new(), |connection| {
            let sql = "SELECT hash, role, created, expires, note FROM tokens ORDER BY id";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], token)?;
            rows.filter_map(Result::transpose).collect()
        })
    }

    /// Adds a token.
    ///
    /// # Errors
    /// When the file cannot be made or written, or the hash is there already.
    pub fn insert_token(&self, token: &StoredToken) -> Result<(), StoreError> {
        self.write(|transaction| insert(transaction, token))
    }

    /// Adds `token` unless there is an admin token already, and says whether it did.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub fn insert_first_admin_token(&self, token: &StoredToken) -> Result<bool, StoreError> {
        self.write(|transaction| {
            let sql = "SELECT EXISTS (SELECT 1 FROM tokens WHERE role = ?1)";
            let exists: bool = transaction.query_row(sql, [Role::Admin.as_str()], |row| row.get(0))?;
            if !exists {
                insert(transaction, token)?;
            }
            Ok(!exists)
        })
    }

    /// Makes `token` the only one: all other tokens and all sessions end.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub fn replace_all_tokens(&self, token: &StoredToken) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM tokens", [])?;
            insert(transaction, token)
        })
    }

    /// Adds a session, and drops those that have ended by `now` and the oldest beyond `keep`.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub fn insert_session(&self, session: &StoredToken, now: u64, keep: usize) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM tokens WHERE expires <= ?1", [number(now)])?;
            insert(transaction, session)?;
            let oldest = "DELETE FROM tokens WHERE role = ?1 AND id NOT IN
                (SELECT id FROM tokens WHERE role = ?1 ORDER BY id DESC LIMIT ?2)";
            let keep = i64::try_from(keep).unwrap_or(i64::MAX);
            transaction.execute(oldest, params![Role::Session.as_str(), keep])?;
            Ok(())
        })
    }

    /// Removes the token with this hash, and says whether there was one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn delete_token(&self, hash: &TokenHash) -> Result<bool, StoreError> {
        if self.find_token(hash)?.is_none() {
            return Ok(false);
        }
        self.write(|transaction| {
            Ok(transaction.execute("DELETE FROM tokens WHERE hash = ?1", [&hash.0[..]])? > 0)
        })
    }

    /// Whether another process (or another [`Store`]) has written since the last call; true also when the
    /// file has come into being.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn changed_elsewhere(&self) -> Result<bool, StoreError> {
        let mut inner = self.lock();
        let Some(connection) = self.existing(&mut inner)? else { return Ok(false) };
        let version = data_version(connection).map_err(|source| self.query_error("read", source))?;
        Ok(inner.seen.replace(version) != Some(version))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // SQLite keeps the file whole when a thread panics in a transaction: it is rolled back on drop.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(
        &self,
        empty: T,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut inner = self.lock();
        match self.existing(&mut inner)? {
            Some(connection) => query(connection).map_err(|source| self.query_error("read", source)),
            None => Ok(empty),
        }
    }

    fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut guard = self.lock();
        let inner = &mut *guard;
        if inner.connection.is_none() {
            let made = create(&self.path);
            let made = made.map_err(|source| StoreError::Create { path: self.path.clone(), source })?;
            let connection = connect(&self.path)?;
            if made {
                // What this process begins is not news to it.
                inner.seen = Some(data_version(&connection).map_err(|e| self.query_error("read", e))?);
            }
            inner.connection = Some(connection);
        }
        let Some(connection) = &mut inner.connection else {
            return Err(self.query_error("written", rusqlite::Error::InvalidQuery));
        };
        let changed = (|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = change(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })();
        changed.map_err(|source| self.query_error("written", source))
    }

    /// The connection, if the file exists by now.
    fn existing<'a>(&self, inner: &'a mut Inner) -> Result<Option<&'a Connection>, StoreError> {
        if inner.connection.is_none() && self.path.exists() {
            inner.connection = Some(connect(&self.path)?);
        }
        Ok(inner.connection.as_ref())
    }

    fn query_error(&self, action: &'static str, source: rusqlite::Error) -> StoreError {
        StoreError::Query { path: self.path.clone(), action, source }
    }
}

/// Changes when another connection changes the file, and only then
/// (<https://www.sqlite.org/pragma.html#pragma_data_version>).
fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0))
}

/// Makes an empty file that only its owner may read, and says so; one that is there already stays as it is.
fn create(path: &Path) -> std::io::Result<bool> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let fault = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { path: path.to_owned() },
        _ => StoreError::Open { path: path.to_owned(), source },
    };
    // No SQLITE_OPEN_URI: a path that begins with `file:` is a path. No CREATE: `create` sets the
    // permissions.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
    // Without it, the password of a camera that was deleted stays in the file until its page is used anew.
    connection.pragma_update(None, "secure_delete", true).map_err(fault)?;
    match migrate(&mut connection).map_err(fault)? {
        Schema::Present => Ok(connection),
        Schema::Foreign => Err(StoreError::Foreign { path: path.to_owned() }),
        Schema::Newer(version) => Err(StoreError::Newer { path: path.to_owned(), version }),
    }
}

enum Schema {
    Present,
    Foreign,
    Newer(i64),
}

/// Does the steps that are missing, all or none.
fn migrate(connection: &mut Connection) -> rusqlite::Result<Schema> {
    let pragma = |connection: &Connection, name: &str| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, name, |row| row.get(0))
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = pragma(&transaction, "user_version")?;
    let empty: bool =
        transaction.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
    if !empty && pragma(&transaction, "application_id")? != i64::from(APPLICATION_ID) {
        return Ok(Schema::Foreign);
    }
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Ok(Schema::Newer(version));
    }
    if done < MIGRATIONS.len() {
        for step in MIGRATIONS.iter().skip(done) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number(MIGRATIONS.len() as u64))?;
        transaction.commit()?;
    }
    Ok(Schema::Present)
}

fn insert(transaction: &Transaction<'_>, token: &StoredToken) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO tokens (role, hash, created, expires, note) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            token.role.as_str(),
            &token.hash.0[..],
            number(token.created),
            token.expires.map(number),
            token.note
        ],
    )?;
    Ok(())
}

/// A row; `None` when its role is one that this version does not know, which then opens nothing.
fn token(row: &Row<'_>) -> rusqlite::Result<Option<StoredToken>> {
    let role: String = row.get(1)?;
    let Some(role) = Role::parse(&role) else { return Ok(None) };
    let seconds = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(Some(StoredToken {
        hash: TokenHash(row.get(0)?),
        role,
        created: seconds(row.get(2)?),
        expires: row.get::<_, Option<i64>>(3)?.map(seconds),
        note: row.get(4)?,
    }))
}

/// SQLite's integers are signed.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
