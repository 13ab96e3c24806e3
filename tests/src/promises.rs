//! The check of the promises at the end of a test.

use kintsugi_entities::{Options, Store};
use kintsugi_promises::{Answers, Book, check};

use crate::{Engine, streams};

/// Reads everything that an engine stored, checks it against what was accepted, and panics with every
/// breach; says what was checked.
pub async fn check_promises(engine: &Engine, accepted: &[String]) {
    let store = Store::connect(&engine.database_url(), &Options::default()).await.unwrap();
    let book = Book::read(&store, &streams::bus(&engine.nats_url()).await).await.unwrap();
    let (checked, mut breaches) = check(&book);
    let mut answers = Answers::default();
    answers.accepted.extend(accepted.iter().cloned());
    answers.check(&book, &mut breaches);
    breaches.none();
    println!("{:?}: {checked:?}", engine.shape);
}
