//! A worker that keeps a ledger of its own: `kintsugi-ledger NATS_URL FILE [SLOTS]`.

use std::path::PathBuf;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("usage: kintsugi-ledger NATS_URL FILE [SLOTS]")?;
    let file = PathBuf::from(args.next().ok_or("usage: kintsugi-ledger NATS_URL FILE [SLOTS]")?);
    let slots = args.next().map_or(Ok(8), |slots| slots.parse())?;
    Ok(kintsugi_trial::ledger_worker(&url, &file, slots).await?)
}
