//! Bounds of the machine, in the same run: durable commits, and a bare client's requests on keep-alive connections.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Res;

/// Durable commits of one small row each.
pub fn commits(folder: &Path) -> Res<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let file = folder.join("bound.db");
    runtime.block_on(async {
        use sqlx::{Connection as _, Executor as _};
        sqlx::any::install_default_drivers();
        let url = format!("sqlite:{}?mode=rwc", file.display());
        let mut connection = sqlx::AnyConnection::connect(&url).await?;
        connection.execute("PRAGMA journal_mode = WAL").await?;
        connection.execute("PRAGMA synchronous = FULL").await?;
        connection.execute("CREATE TABLE t (a BIGINT, b TEXT)").await?;
        let begun = Instant::now();
        let mut n = 0u32;
        while begun.elapsed() < Duration::from_secs(2) {
            connection.execute("INSERT INTO t VALUES (1, 'a row of about the size of an attempt')").await?;
            n += 1;
        }
        Ok(f64::from(n) / begun.elapsed().as_secs_f64())
    })
}

/// What a bare client asks for.
pub fn request(kind: &str) -> Res<String> {
    Ok(match kind {
        "post" => {
            let body = r#"{"status":"A headline of the usual length\nhttps://news.example/1","visibility":"public"}"#;
            format!(
                "POST /api/v1/bound HTTP/1.1\r\nhost: sink\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        }
        "304" => "GET /feed/bound-0/30 HTTP/1.1\r\nhost: sink\r\nif-none-match: \"1\"\r\n\r\n".to_owned(),
        "get" => "GET /plain/bound-0/30 HTTP/1.1\r\nhost: sink\r\n\r\n".to_owned(),
        other => return Err(format!("expected post, 304 or get, found {other}").into()),
    })
}

/// Requests a second on so many connections that are kept open.
pub fn requests(address: SocketAddr, kind: &str, connections: usize) -> Res<f64> {
    let count = Arc::new(AtomicU64::new(0));
    let request = request(kind)?;
    let begun = Instant::now();
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let (count, request) = (count.clone(), request.clone());
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                let mut reader = BufReader::with_capacity(64 * 1024, stream.try_clone()?);
                let mut body = Vec::new();
                while begun.elapsed() < Duration::from_secs(2) {
                    stream.write_all(request.as_bytes())?;
                    let mut length = 0;
                    loop {
                        let mut line = String::new();
                        if reader.read_line(&mut line)? == 0 {
                            return Ok(());
                        }
                        if let Some(value) = line.strip_prefix("content-length: ") {
                            length = value.trim().parse().unwrap_or(0);
                        }
                        if line == "\r\n" {
                            break;
                        }
                    }
                    body.resize(length, 0);
                    reader.read_exact(&mut body)?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        })
        .collect();
    for thread in threads {
        drop(thread.join());
    }
    Ok(count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}
