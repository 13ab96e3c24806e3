//! From published events to the runs that listen, as whoever has the first partition brings them.

use kintsugi_core::{Input, RunId};
use kintsugi_deciding::Routes;
use kintsugi_entities::MailRow;
use kintsugi_nats::RunInput;

use super::Orchestrating;
use crate::{
    broker::SaidDelivery,
    world::{ACK_WAIT, Actor, Do, ORCHESTRATORS, World},
};

/// Before what failed is tried again, in milliseconds.
const PAUSE: u64 = 1_000;

/// The next step with a batch of events.
#[derive(Clone, Debug)]
pub(crate) enum Routing {
    /// Takes what waits.
    Take,
    /// Looks who listens.
    Find(Vec<SaidDelivery>),
    /// Keeps the events for them.
    Bring(Vec<SaidDelivery>, Vec<MailRow>, Vec<RunId>),
    /// Forgets what runs emitted: it is on its way.
    Forget(Vec<SaidDelivery>),
    /// Acknowledges them.
    Ack(Vec<SaidDelivery>),
}

impl World {
    /// Something may wait for whoever routes, and is at nothing.
    pub(crate) fn wake_routers(&mut self) {
        for who in 0..ORCHESTRATORS {
            let parts = &mut self.lanes[who].parts;
            if parts.first && !std::mem::replace(&mut parts.routes, true) {
                self.route_next(who, Routing::Take);
            }
        }
    }

    fn route_next(&mut self, who: usize, what: Routing) {
        self.next(Actor::Orchestrator(who), Do::Orchestrate(Orchestrating::Route(what)));
    }

    pub(super) fn route(&mut self, who: usize, what: Routing) {
        let me = Actor::Orchestrator(who);
        match what {
            Routing::Take => {
                if !self.lanes[who].parts.first {
                    self.lanes[who].parts.routes = false;
                    return;
                }
                let most = usize::try_from(self.chance.between(1, 8)).unwrap_or(1);
                let batch = self.broker.next_said(most, self.now + ACK_WAIT);
                if batch.is_empty() {
                    self.lanes[who].parts.routes = false;
                    return;
                }
                self.expire_said_in(&batch, ACK_WAIT);
                self.route_next(who, Routing::Find(batch));
            }
            Routing::Find(batch) => {
                if !self.reads() {
                    return self.give_back(who, &batch);
                }
                let time = self.clock(me).0;
                let mut routes = Routes::default();
                for (place, said) in (0..).zip(&batch) {
                    routes.add(&said.event, time * 1_000_000 + place);
                }
                let listening = self.store.listening(&routes.types());
                let (rows, runs) = routes.bring(listening, time);
                let runs = runs.into_iter().collect();
                self.route_next(who, Routing::Bring(batch, rows, runs));
            }
            Routing::Bring(batch, rows, runs) => {
                let (happens, answered) = self.transaction();
                if happens {
                    rows.into_iter().for_each(|row| self.store.post(row));
                }
                if !answered {
                    return self.give_back(who, &batch);
                }
                let hints = runs.into_iter().map(|run| RunInput { run, input: Input::Mail });
                self.publish_inputs(hints.collect());
                self.route_next(who, Routing::Forget(batch));
            }
            Routing::Forget(batch) => {
                let (happens, answered) = self.transaction();
                let ours = batch.iter().filter(|said| said.ours && happens);
                ours.for_each(|said| self.store.outbox_forget(&said.event));
                if !answered {
                    return self.give_back(who, &batch);
                }
                self.route_next(who, Routing::Ack(batch));
            }
            Routing::Ack(batch) => {
                for said in &batch {
                    self.broker.ack_said(said);
                }
                self.route_next(who, Routing::Take);
            }
        }
    }

    fn expire_said_in(&mut self, batch: &[SaidDelivery], delay: u64) {
        for said in batch {
            self.said_expires(said.seq, delay + 1);
        }
    }

    fn give_back(&mut self, who: usize, batch: &[SaidDelivery]) {
        let until = self.now + PAUSE;
        for said in batch {
            self.broker.nak_said(said, until);
        }
        self.expire_said_in(batch, PAUSE);
        self.route_next(who, Routing::Take);
    }
}
