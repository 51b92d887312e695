//! The program: reads the call and runs it.

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let call =
        bugle::cli::Call { config: std::env::args().nth(2).unwrap_or("config/bugle.toml".into()).into(), json: false };
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(bugle::cli::run::run(bugle::cli::run::Args { rehearse: false }, &call))?;
    Ok(())
}
