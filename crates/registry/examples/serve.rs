//! Serves a registry alone, without the rest of Longshore: for trying clients and for crash tests.
//!
//! `serve <directory> <port> <repository>...` prints a password for user `AWS` and serves
//! account 123456789012 in us-east-2 on 127.0.0.1.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use model::{AccountId, Arn, IdSource, Region, Scope, Timestamp};
use registry::tables::tables;
use registry::{Caller, Config, DEFAULT_GRACE, Error, Gate, NewRepository, Registry, SealKey};
use store::engine::EmbeddedEngine;
use store::{Blobs, Schema, Store};

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Everything;

impl Gate for Everything {
    fn allows(&self, _: &Caller, _: &str, _: &Arn, _: Timestamp) -> bool {
        true
    }
}

/// Random enough for a workshop: never for secrets.
struct Urandom;

impl IdSource for Urandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        use std::io::Read;
        let mut source = std::fs::File::open("/dev/urandom").expect("Linux has it");
        source.read_exact(bytes).expect("it never ends");
    }
}

fn now() -> Timestamp {
    Timestamp::EPOCH + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("which directory?")?);
    let port: u16 = arguments.next().ok_or("which port?")?.parse()?;
    let store = open_store(&directory).await?;
    let blobs = Blobs::open(&directory.join("blobs")).await?;
    let config = Config {
        seal: SealKey::new([1; 32]),
        ids: Box::new(Urandom),
        gate: Arc::new(Everything),
        grace: DEFAULT_GRACE,
        vulnerabilities: None,
        mirrors: Default::default(),
        peers: Default::default(),
    };
    let registry = Arc::new(Registry::new(store, blobs, config));
    let scope = Scope::new(AccountId::new("123456789012")?, Region::new("us-east-2")?);
    for name in arguments {
        let new = NewRepository::plain(name.parse()?);
        match registry.create_repository(&scope, new, now()).await {
            Ok(_) | Err(Error::RepositoryExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let caller = Caller { scope, principal: "arn:aws:iam::123456789012:root".parse()?, identity: None };
    println!("{}", registry.mint_token(&caller, now() + registry::token::LIFETIME));
    serve(registry, port).await
}

async fn open_store(directory: &std::path::Path) -> Result<Store, Failure> {
    std::fs::create_dir_all(directory)?;
    let engine = EmbeddedEngine::open(&directory.join("state")).await?;
    Ok(Store::open(Arc::new(engine), tables(Schema::new())).await?)
}

async fn serve(registry: Arc<Registry>, port: u16) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let registry = registry.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let registry = registry.clone();
                async move { Ok::<_, Infallible>(registry.handle(request, now()).await) }
            });
            // A client that goes away is no news.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
