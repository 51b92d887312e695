//! `bugle backup`: the whole store in one file, beside the running service.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::shop::{Need, Shop};
use super::{Call, Exit};
use crate::store::backup;

/// Arguments of `bugle backup`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The file to write; one that is there is replaced once the new one is whole.
    file: PathBuf,
}

/// Writes a backup.
///
/// # Errors
/// What the store or the file says.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let shown = args.file.display().to_string();
    let part = part_of(&args.file);
    // A backup holds unpublished news: nobody else reads it.
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
    let file = file.with_context(|| format!("cannot write {}", part.display()))?;
    let rows = match backup::write(&shop.store, file).await {
        Ok(rows) => rows,
        Err(e) => {
            drop(std::fs::remove_file(&part));
            return Err(e).context(format!("{shown} is not written"));
        }
    };
    std::fs::rename(&part, &args.file).with_context(|| format!("cannot write {shown}"))?;
    sync_folder(&args.file);
    shop.show(&serde_json::json!({ "file": shown, "rows": rows }), || {
        format!("{rows} rows in {shown}; the key of the vault is not in it: keep a copy of it elsewhere")
    })?;
    Ok(Exit::Done)
}

fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    PathBuf::from(name)
}

/// Makes the new name durable; a folder that cannot be opened leaves that to the system.
fn sync_folder(file: &Path) {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = std::fs::File::open(folder) {
        drop(folder.sync_all());
    }
}
