//! How many claims this store has seen, written beside the database: where the file says more than the database does,
//! somebody took commits away from it (a `-wal` file deleted after a crash, an older copy put in its place), and what
//! went out after them may not go out again.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Mutex;
use std::sync::PoisonError;

/// The count, in the lock file of a SQLite database. On a server there is no file to lose: then nothing is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    open: Mutex<Option<(File, u64)>>,
}

/// Digits of the count; the file is always as long as this.
const DIGITS: usize = 20;

impl Tally {
    /// Counts in that file from now on. Returns what it says so far.
    pub(super) fn open(&self, file: File) -> Option<u64> {
        let mut text = [0; DIGITS];
        let said = file.read_exact_at(&mut text, 0).ok().and_then(|()| std::str::from_utf8(&text).ok()?.parse().ok());
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some((file, said.unwrap_or(0)));
        said
    }

    /// Says how many there are; never less than before.
    pub(super) fn raise(&self, count: u64) {
        if let Some((file, counted)) = &mut *self.open.lock().unwrap_or_else(PoisonError::into_inner)
            && count > *counted
        {
            *counted = count;
            write(file, count);
        }
    }

    /// Begins anew with that count.
    pub(super) fn begin(&self, count: u64) {
        if let Some((file, counted)) = &mut *self.open.lock().unwrap_or_else(PoisonError::into_inner) {
            *counted = count;
            write(file, count);
        }
    }
}

/// Not made durable: it has to outlast the process, and a power loss takes no commit of the database either. A count that
/// cannot be written is one that says too little, which harms nothing.
fn write(file: &File, count: u64) {
    if let Err(error) = file.write_all_at(format!("{count:0DIGITS$}").as_bytes(), 0) {
        tracing::debug!(%error, "the count of claims could not be written");
    }
}
