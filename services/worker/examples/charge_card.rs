//! A worker in about twelve lines: `cargo run -p kintsugi-worker --example charge_card`.

use kintsugi_worker::{Context, Error, Failure, Worker};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Order {
    amount: i64,
}

#[derive(Serialize)]
struct Receipt {
    charged: i64,
    key: String,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    Worker::connect("nats://127.0.0.1:4222")
        .await?
        .task("charge-card", |context: Context, order: Order| async move {
            if order.amount <= 0 {
                return Err(Failure::fatal("nothing to charge").kind("validation"));
            }
            Ok(Receipt { charged: order.amount, key: context.idempotency_key().to_owned() })
        })
        .run()
        .await
}
