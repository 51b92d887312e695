//! `make bench`: the release binary against its own feed server and sink in another process. Every figure is a ratio to a
//! bound measured in the same run; the sink, not Bugle, counts posts and takes times, and a row whose run lost or doubled
//! an article is void. Linux only (it reads /proc, and pins the sink to core 0 and Bugle to core 1 with taskset).
//! `make bench` runs all; `cargo bench --bench service -- poll` only the rows of the sources, `-- post` the others.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]

mod bounds;
mod machine;
mod scenario;
mod sink;

use std::net::SocketAddr;

use machine::quantile;
use scenario::{Bench, Idle, Polled};

type Res<T> = Result<T, Box<dyn std::error::Error>>;

#[expect(clippy::print_stdout, reason = "a report for a terminal")]
fn main() -> Res<()> {
    // `cargo bench` hands its own `--bench` on.
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let what = args.next().unwrap_or_default();
    match what.as_str() {
        "sink" => return sink::serve(),
        "bound" => {
            let usage = "bound ADDRESS KIND CONNECTIONS";
            let address: SocketAddr = args.next().ok_or(usage)?.parse()?;
            let kind = args.next().ok_or(usage)?;
            let connections: usize = args.next().ok_or(usage)?.parse()?;
            println!("{}", bounds::requests(address, &kind, connections)?);
            return Ok(());
        }
        _ => {}
    }
    let bench = Bench::new()?;
    println!("bounds of this machine, in this run");
    if what != "poll" {
        post(&bench)?;
    }
    if what != "post" {
        poll(&bench)?;
    }
    Ok(())
}

/// Rows 4 to 6: what goes out.
#[expect(clippy::print_stdout, reason = "a report for a terminal")]
fn post(bench: &Bench) -> Res<()> {
    let commits = bounds::commits(bench.folder.path())?;
    println!("  SQLite WAL commits, synchronous=FULL, per s          {commits:>9.0}");
    let one = bench.bound("post", 1)?;
    let many = bench.bound("post", 16)?;
    println!("  POST on 1 / 16 keep-alive connections, per s         {one:>9.0} / {many:.0}");
    println!();

    let pass = bench.publish("pass30", 1, 30, 1)?;
    println!("row 4   CPU per post, 1 feed x 30 items, start included   {:.3} ms", pass.cpu * 1000.0 / 30.0);
    println!("        wall {:.3} s, peak {:.1} MB, {}", pass.wall, pass.peak_mb, pass.verdict());
    let wide = bench.publish("wide", 16, 500, 16)?;
    let rate = wide.posts as f64 / wide.posting;
    println!(
        "row 5   durable posts/s, 16 accounts                       {rate:.0} = {:.2} x the commit bound, {:.0} per CPU s",
        rate / commits,
        wide.posts as f64 / wide.cpu
    );
    println!("        peak {:.1} MB, {}", wide.peak_mb, wide.verdict());
    let narrow = bench.publish("narrow", 4, 500, 1)?;
    let rate = narrow.posts as f64 / narrow.posting;
    let bound = 1.0 / (1.0 / one + 1.0 / commits);
    println!(
        "row 6   durable posts/s, 1 account, in order               {rate:.0} = {:.2} x 1/(POST + commit), {:.0} per CPU s",
        rate / bound,
        narrow.posts as f64 / narrow.cpu
    );
    println!("        {}", narrow.verdict());
    Ok(())
}

/// Polls of unchanged feeds: how many sources, of how many items, how often, watched for how many seconds.
const SIZES: [(&str, usize, usize, &str, u64); 4] = [
    ("idle10", 10, 30, "every 1s", 30),
    ("idle100", 100, 30, "every 1s", 15),
    ("idle1000", 1_000, 30, "every 5s", 15),
    ("idle10000", 10_000, 2, "every 10s", 20),
];

/// Rows 1, 2 and 11 to 17: what comes in.
#[expect(clippy::print_stdout, reason = "a report for a terminal")]
fn poll(bench: &Bench) -> Res<()> {
    let same = bench.bound("304", 16)?;
    let body = bench.bound("get", 16)?;
    println!("  304 / GET of 46 KB on 16 keep-alive connections, per s {same:>7.0} / {body:.0}");
    println!();
    let rest = Polled { name: "idle1", kind: "feed", sources: 1, items: 30, poll: "every 1h" };
    bench.prime(rest)?;
    let quiet = Polled { poll: "every 1s", ..rest };
    let one = bench.watch(quiet, 10)?;
    println!("row 12  resident, 1 source with history                   {:.1} MB", one.rss_mb);
    println!("row 13  start -> first feed request, 1 source             {:.1} ms", one.first_ms);
    // What the service costs that has nothing to ask: taken off the cost of a poll below.
    let base = ((one.cpu - one.polls * 0.1e-3) / one.seconds).max(0.0);
    println!("        CPU of the service at rest, about                 {:.1} ms a second", base * 1000.0);
    let per_poll = |idle: &Idle| (idle.cpu - base * idle.seconds) * 1000.0 / idle.polls.max(1.0);
    let mut first = None;
    for (name, sources, items, poll, seconds) in SIZES {
        let it = Polled { name, kind: "feed", sources, items, poll };
        bench.prime(it)?;
        let idle = bench.watch(it, seconds)?;
        let cost = per_poll(&idle);
        let ratio = cost / *first.get_or_insert(cost);
        println!(
            "row 14  CPU per unchanged poll, {sources:>5} sources             {cost:.3} ms = {ratio:.2} x that of 10"
        );
        if sources >= 1_000 {
            let slope = (idle.rss_mb - one.rss_mb) * 1024.0 / sources as f64;
            println!(
                "row 12  resident, {sources} sources with history            {:.1} MB, {slope:.1} KB a source",
                idle.rss_mb
            );
            println!("row 13  start -> first feed request, {sources} sources      {:.1} ms", idle.first_ms);
        }
        if sources == 1_000 {
            let rate = idle.polls / idle.cpu;
            println!(
                "row 1   unchanged polls per CPU s, server answers 304     {rate:.0} = {:.2} x the 304 bound",
                rate / same
            );
            println!("row 17  body bytes of {:.0} unchanged polls               {:.0}", idle.polls, idle.bytes);
        }
    }
    let plain = Polled { name: "plain1000", kind: "plain", sources: 1_000, items: 30, poll: "every 5s" };
    bench.prime(plain)?;
    let idle = bench.watch(plain, 15)?;
    let rate = idle.polls / idle.cpu;
    println!(
        "row 2   the same body again, per CPU s, no validators     {rate:.0} = {:.2} x the GET bound",
        rate / body
    );
    println!("row 17  polls that asked for compression                  {:.0} %", idle.coded * 100.0);

    let stir = Polled { name: "stir", kind: "stir", sources: 1_000, items: 10, poll: "every 5s" };
    bench.prime(stir)?;
    let (few, posted) = (bench.watch(stir, 15)?, "articles posted again");
    bench.remember("stir", 1_000_000, 1_000)?;
    let many = bench.watch(stir, 15)?;
    let (small, large) = (per_poll(&few), per_poll(&many));
    println!("row 15  CPU per poll with a changed body, 10 k articles   {small:.3} ms, {} {posted}", few.posts);
    println!(
        "row 15  the same, 1 million more articles                 {large:.3} ms = {:.2} x, {} {posted}",
        large / small,
        many.posts
    );
    println!("        resident {:.1} MB, then {:.1} MB", few.rss_mb, many.rss_mb);

    let (mut all, mut own, rate) = bench.live("live", 20, false)?;
    println!(
        "row 11  fetched -> posted, p50 / p95                       {:.1} / {:.1} ms (published -> posted at 1 s polls: {:.0} ms)",
        quantile(&mut own, 0.5),
        quantile(&mut own, 0.95),
        quantile(&mut all, 0.5)
    );
    let (_, mut beside, crowded) = bench.live("crowd", 20, true)?;
    println!(
        "row 16  the same beside one that hangs and one of 50 MB    {:.1} / {:.1} ms; polls of 100 others {:.2} x",
        quantile(&mut beside, 0.5),
        quantile(&mut beside, 0.95),
        crowded / rate
    );
    Ok(())
}
