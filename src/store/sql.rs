//! Many rows a statement, in a few fixed sizes so that each statement is prepared once.

use std::sync::{Arc, LazyLock, Mutex};

use std::collections::HashMap;

use sqlx::{
    Arguments as _, AssertSqlSafe, Row as _, SqliteConnection,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::error::StoreError;
use crate::model::{Instant, local_time};

/// Rows in one statement, largest first.
const SIZES: [usize; 8] = [128, 64, 32, 16, 8, 4, 2, 1];

/// One bound value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// NULL.
    Null,
    /// A number or an instant.
    Int(i64),
    /// Text.
    Text(String),
    /// Text shared by many rows.
    Shared(Arc<str>),
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<Instant> for Value {
    fn from(at: Instant) -> Self {
        Self::Int(local_time::to_micros(at))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

fn bind(arguments: &mut SqliteArguments, value: Value) -> Result<(), sqlx::Error> {
    match value {
        Value::Null => arguments.add(Option::<i64>::None),
        Value::Int(n) => arguments.add(n),
        Value::Text(text) => arguments.add(text),
        Value::Shared(text) => arguments.add(text),
    }
    .map_err(sqlx::Error::Encode)
}

/// A statement with a list of rows in it: `head (?,?),(?,?) tail`. The texts are constants of this crate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Many {
    /// What comes before the rows.
    pub(super) head: &'static str,
    /// What comes after them.
    pub(super) tail: &'static str,
}

/// Statements by (where the head stands in memory, rows, columns).
type Texts = HashMap<(usize, usize, usize), Arc<str>>;

static TEXTS: LazyLock<Mutex<Texts>> = LazyLock::new(Mutex::default);

impl Many {
    fn text(self, n_rows: usize, n_columns: usize) -> Arc<str> {
        let key = (self.head.as_ptr().addr(), n_rows, n_columns);
        let mut texts = TEXTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(text) = texts.get(&key)
            && text.starts_with(self.head)
            && text.ends_with(self.tail)
        {
            return Arc::clone(text);
        }
        let row = format!("({})", vec!["?"; n_columns].join(","));
        let text: Arc<str> = format!("{}{}{}", self.head, vec![row; n_rows].join(","), self.tail).into();
        texts.insert(key, Arc::clone(&text));
        text
    }

    /// Runs it over all rows; none = nothing.
    pub(super) async fn execute(
        self,
        connection: &mut SqliteConnection,
        what: &'static str,
        rows: Vec<Vec<Value>>,
    ) -> Result<u64, StoreError> {
        let mut n_changed = 0;
        for (text, arguments) in self.pieces(rows) {
            let arguments = arguments.map_err(|source| StoreError::Failed { what, source })?;
            n_changed += sqlx::query_with(AssertSqlSafe(text), arguments)
                .execute(&mut *connection)
                .await
                .map_err(|source| StoreError::Failed { what, source })?
                .rows_affected();
        }
        Ok(n_changed)
    }

    /// Runs it over all rows and gives what it returns.
    pub(super) async fn fetch(
        self,
        connection: &mut SqliteConnection,
        what: &'static str,
        rows: Vec<Vec<Value>>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let mut found = Vec::new();
        for (text, arguments) in self.pieces(rows) {
            let arguments = arguments.map_err(|source| StoreError::Failed { what, source })?;
            found.extend(
                sqlx::query_with(AssertSqlSafe(text), arguments)
                    .fetch_all(&mut *connection)
                    .await
                    .map_err(|source| StoreError::Failed { what, source })?,
            );
        }
        Ok(found)
    }

    fn pieces(self, rows: Vec<Vec<Value>>) -> Vec<(Arc<str>, Result<SqliteArguments, sqlx::Error>)> {
        let n_columns = rows.first().map_or(0, Vec::len);
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        let mut pieces = Vec::new();
        while left > 0 {
            let size = SIZES.into_iter().find(|size| *size <= left).unwrap_or(1);
            let mut arguments = SqliteArguments::default();
            arguments.reserve(size * n_columns, 0);
            let bound = rows.by_ref().take(size).flatten().try_for_each(|value| bind(&mut arguments, value));
            pieces.push((self.text(size, n_columns), bound.map(|()| arguments)));
            left -= size;
        }
        pieces
    }
}

/// Runs one statement with values.
pub(super) async fn execute(
    connection: &mut SqliteConnection,
    what: &'static str,
    text: &'static str,
    values: Vec<Value>,
) -> Result<u64, StoreError> {
    let failed = |source| StoreError::Failed { what, source };
    let mut arguments = SqliteArguments::default();
    values.into_iter().try_for_each(|value| bind(&mut arguments, value)).map_err(failed)?;
    Ok(sqlx::query_with(text, arguments).execute(connection).await.map_err(failed)?.rows_affected())
}

/// Runs one statement with values and gives what it returns.
pub(super) async fn fetch(
    connection: &mut SqliteConnection,
    what: &'static str,
    text: &'static str,
    values: Vec<Value>,
) -> Result<Vec<SqliteRow>, StoreError> {
    let failed = |source| StoreError::Failed { what, source };
    let mut arguments = SqliteArguments::default();
    values.into_iter().try_for_each(|value| bind(&mut arguments, value)).map_err(failed)?;
    sqlx::query_with(text, arguments).fetch_all(connection).await.map_err(failed)
}

/// A column of a row.
pub(super) fn get<'r, T>(row: &'r SqliteRow, table: &'static str, column: usize) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(column).map_err(|error| StoreError::Row { table, why: format!("column {column}: {}", class(&error)) })
}

/// A column that holds an instant.
pub(super) fn instant(row: &SqliteRow, table: &'static str, column: usize) -> Result<Instant, StoreError> {
    get::<i64>(row, table, column).map(local_time::from_micros)
}

/// A column that may hold an instant.
pub(super) fn maybe_instant(
    row: &SqliteRow,
    table: &'static str,
    column: usize,
) -> Result<Option<Instant>, StoreError> {
    Ok(get::<Option<i64>>(row, table, column)?.map(local_time::from_micros))
}

fn class(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::ColumnDecode { .. } => "wrong type",
        sqlx::Error::ColumnIndexOutOfBounds { .. } => "missing",
        _ => "unreadable",
    }
}

/// A value as JSON text.
pub(super) fn json<T: serde::Serialize + ?Sized>(table: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::unwritable(table, &error))
}

/// A value from JSON text.
pub(super) fn unjson<T: serde::de::DeserializeOwned>(table: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::row(table, &error))
}
