//! `longshore files`: files that task definitions name by S3-style ARNs (`environmentFiles`).
//!
//! They are blobs below `files/BUCKET/KEY`. A running server reads them when a task starts, so nothing needs to be
//! told to it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use services::node::file_name;
use store::blobs::Blobs;

use crate::config::DEFAULT_DATA_DIR;

/// The largest file.
const SIZE_LIMIT: u64 = 1 << 20;

/// The files of a data directory.
#[derive(Debug, Args)]
pub struct FilesOptions {
    /// The data directory that was given to `up`
    #[arg(long, global = true, env = "LONGSHORE_DATA_DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,
    /// What to do.
    #[command(subcommand)]
    command: FilesCommand,
}

/// What can be done with files.
#[derive(Debug, Subcommand)]
enum FilesCommand {
    /// Keep a file under an ARN, such as arn:aws:s3:::bucket/app.env; an older one is replaced
    Put {
        /// The ARN that task definitions name
        arn: String,
        /// The file
        file: PathBuf,
    },
    /// Forget a file
    Remove {
        /// Its ARN
        arn: String,
    },
}

/// Does it.
pub fn run(options: FilesOptions) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    runtime.block_on(async {
        if !options.data_dir.exists() {
            bail!(
                "there is no {}: start Longshore first, or name its --data-dir",
                options.data_dir.display()
            );
        }
        let blobs = Blobs::open(&options.data_dir.join("blobs")).await.context("opening the blob store")?;
        match options.command {
            FilesCommand::Put { arn, file } => put(&blobs, &arn, &file).await,
            FilesCommand::Remove { arn } => {
                let name =
                    file_name(&arn).with_context(|| format!("{arn} is not arn:aws:s3:::BUCKET/KEY"))?;
                blobs.delete(&name).await.with_context(|| format!("removing {arn}"))
            }
        }
    })
}

async fn put(blobs: &Blobs, arn: &str, file: &Path) -> Result<()> {
    let name = file_name(arn).with_context(|| format!("{arn} is not arn:aws:s3:::BUCKET/KEY"))?;
    let bytes = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    if bytes.len() as u64 > SIZE_LIMIT {
        bail!("{} is larger than {SIZE_LIMIT} bytes", file.display());
    }
    if blobs.head(&name).await.is_ok() {
        blobs.delete(&name).await.with_context(|| format!("replacing {arn}"))?;
    }
    blobs.put_new(&name, bytes).await.with_context(|| format!("keeping {arn}"))
}
