//! The streams that were created through the API, with the passwords of their cameras: the file is readable
//! by its owner only, and what is deleted is overwritten (SQLite's `secure_delete`).

use super::{Store, StoreError, number};
use camherd_media::ids::StreamName;
use rusqlite::{Row, params};

/// A stream that was created through the API. Has no `Debug`: its URL may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredStream {
    /// Its name.
    pub name: StreamName,
    /// The id as it was given: the name, perhaps with upper-case letters.
    pub id: String,
    /// The camera's URL as it was given.
    pub url: String,
    /// Size of raw pictures in pixels; `None` is the camera's own.
    pub size: Option<(u32, u32)>,
    /// Connect only while somebody watches.
    pub on_demand: bool,
    /// `tcp` or `udp`.
    pub transport: String,
    /// When it was created, in seconds since 1970-01-01 UTC.
    pub created: u64,
}

impl Store {
    /// Every stream, oldest first. Rows with a name that is none are left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn streams(&self) -> Result<Vec<StoredStream>, StoreError> {
        self.read(Vec::new(), |connection| {
            let sql = "SELECT name, id, url, width, height, on_demand, transport, created FROM streams
                ORDER BY rowid";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], stream)?;
            rows.filter_map(Result::transpose).collect()
        })
    }

    /// Adds a stream, or replaces that of the same name.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub fn insert_stream(&self, stream: &StoredStream) -> Result<(), StoreError> {
        self.write(|transaction| {
            let sql = "INSERT OR REPLACE INTO streams
                (name, id, url, width, height, on_demand, transport, created)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
            let (width, height) = stream.size.unzip();
            transaction.execute(
                sql,
                params![
                    stream.name.as_str(),
                    stream.id,
                    stream.url,
                    width,
                    height,
                    stream.on_demand,
                    stream.transport,
                    number(stream.created)
                ],
            )?;
            Ok(())
        })
    }

    /// Removes the stream of that name, and says whether there was one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn delete_stream(&self, name: &StreamName) -> Result<bool, StoreError> {
        self.write(|transaction| {
            Ok(transaction.execute("DELETE FROM streams WHERE name = ?1", [name.as_str()])? > 0)
        })
    }
}

fn stream(row: &Row<'_>) -> rusqlite::Result<Option<StoredStream>> {
    let name: String = row.get(0)?;
    let Ok(name) = name.parse() else { return Ok(None) };
    let (width, height): (Option<u32>, Option<u32>) = (row.get(3)?, row.get(4)?);
    Ok(Some(StoredStream {
        name,
        id: row.get(1)?,
        url: row.get(2)?,
        size: width.zip(height),
        on_demand: row.get(5)?,
        transport: row.get(6)?,
        created: u64::try_from(row.get::<_, i64>(7)?).unwrap_or(0),
    }))
}
