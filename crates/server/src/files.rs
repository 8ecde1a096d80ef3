//! `longshore files`: files that task definitions name by S3-style ARNs (`environmentFiles`), and those that
//! export tasks of CloudWatch Logs make.
//!
//! They are blobs below `files/BUCKET/KEY`. A running server reads them when a task starts, so nothing needs to be
//! told to it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use futures_util::TryStreamExt;
use services::node::file_name;
use store::blobs::Blobs;

use crate::blobs;
use crate::config::{BlobOptions, DEFAULT_DATA_DIR};

/// What the ARNs of files begin with.
const ARN_PREFIX: &str = "arn:aws:s3:::";
/// The largest file.
const SIZE_LIMIT: u64 = 1 << 20;

/// The files of a data directory.
#[derive(Debug, Args)]
pub struct FilesOptions {
    /// The data directory that was given to `up`
    #[arg(long, global = true, env = "LONGSHORE_DATA_DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,
    /// Where the server keeps them.
    #[command(flatten)]
    blobs: BlobOptions,
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
    /// Write a file out, such as one that an export task of CloudWatch Logs has made
    Get {
        /// Its ARN
        arn: String,
        /// Where to; standard output when absent
        file: Option<PathBuf>,
    },
    /// List the files whose ARNs begin so, such as arn:aws:s3:::bucket/logs
    List {
        /// The beginning: a bucket and whole folders
        arn: String,
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
        let blobs = blobs::open(&options.data_dir, options.blobs.check()?.as_ref()).await?;
        match options.command {
            FilesCommand::Put { arn, file } => put(&blobs, &arn, &file).await,
            FilesCommand::Get { arn, file } => get(&blobs, &arn, file.as_deref()).await,
            FilesCommand::List { arn } => list(&blobs, &arn).await,
            FilesCommand::Remove { arn } => {
                let name =
                    file_name(&arn).with_context(|| format!("{arn} is not arn:aws:s3:::BUCKET/KEY"))?;
                blobs.delete(&name).await.with_context(|| format!("removing {arn}"))
            }
        }
    })
}

async fn get(blobs: &Blobs, arn: &str, file: Option<&Path>) -> Result<()> {
    let name = file_name(arn).with_context(|| format!("{arn} is not arn:aws:s3:::BUCKET/KEY"))?;
    let mut blob = blobs.stream(&name, None).await.with_context(|| format!("reading {arn}"))?;
    let mut out: Box<dyn Write> = match file {
        Some(file) => Box::new(File::create(file).with_context(|| format!("creating {}", file.display()))?),
        None => Box::new(std::io::stdout()),
    };
    while let Some(chunk) = blob.chunks.try_next().await.with_context(|| format!("reading {arn}"))? {
        out.write_all(&chunk).context("writing the file")?;
    }
    out.flush().context("writing the file")
}

async fn list(blobs: &Blobs, arn: &str) -> Result<()> {
    let folder = arn.strip_prefix(ARN_PREFIX).map(|folder| format!("files/{}", folder.trim_end_matches('/')));
    let folder = folder.with_context(|| format!("{arn} does not begin with {ARN_PREFIX}"))?;
    let mut last = None;
    loop {
        let page = blobs.list(folder.trim_end_matches('/'), last.as_ref(), store::MAX_PAGE).await;
        let page = page.with_context(|| format!("listing {arn}"))?;
        for blob in &page {
            let key = blob.name.as_str().trim_start_matches("files/");
            println!("{:>12}  {ARN_PREFIX}{key}", blob.size_bytes);
        }
        match page.last() {
            Some(blob) => last = Some(blob.name.clone()),
            None => return Ok(()),
        }
    }
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
