//! What a client can write to the host's log.

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex},
};

use imbolc_net::{
    Dispatcher,
    admission::AdmissionPolicy,
    dispatcher::HostCommand,
    protocol::{
        ActionNumber, ClientId, ClientMessage, EntryRefusal, ServerMessage, entry::EntryRequest,
    },
    server::HostOptions,
};
use tokio::time::sleep;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use super::{
    Raw, SECOND, host,
    visitor::{Visitor, host_on_a_lan},
};
use crate::harness::{PAD, cutoff, hello};

/// The lines of a log from the level `INFO` up, and how many they say were left out.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<(usize, u64)>>);

impl Visit for Lines {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "left_out" {
            self.0.lock().unwrap().1 += value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with("imbolc_net")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().0 += 1;
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Everything that is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0.lock().unwrap(), "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn code_is_in_no_log_and_no_debug_text() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let admission = AdmissionPolicy::Code;
    let (host, lan) = host_on_a_lan(HostOptions { admission, ..HostOptions::default() });
    let status = host.admission().unwrap();
    let code = status.code.shown();
    let wrong = if code == "000-000" { "111-111" } else { "000-000" };
    let mut eve = Visitor::connect(&lan, 1).await;
    let mac = eve.begin_code(wrong).await.own();
    let confirm = EntryRequest::ConfirmCode { mac };
    assert_eq!(eve.refused(&confirm).await, EntryRefusal::WrongCode);
    let mut ana = Visitor::connect(&lan, 2).await;
    ana.prove_code(&code).await;
    ana.join("Ana").await;
    let shown = format!("{status:?} {host:?}");
    host.administer(HostCommand::Remove { client: ClientId(1) }).unwrap();
    while ana.receive().await.is_some() {}
    host.close().await.unwrap();
    let log = log.0.lock().unwrap().clone();
    assert!(log.contains("the code is wrong"), "{log}");
    for text in [shown, log] {
        for code in [&*code, &code.replace('-', ""), wrong] {
            assert!(!text.contains(code), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refused_actions_cannot_fill_the_log() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let (_host, connector) = host();
    let mut eve = Raw::join(&connector, hello("Eve")).await;
    assert!(matches!(eve.receive().await, Some(ServerMessage::Welcome(_))));
    let mut refuse = async |number| {
        let (number, action) = (ActionNumber(number), cutoff(PAD, 500.0));
        eve.send(&ClientMessage::Action { number, continues: false, action }).await;
        while !matches!(eve.receive().await, Some(ServerMessage::ActionRejected { .. })) {}
    };
    for number in 1..=1000 {
        refuse(number).await;
    }
    sleep(2 * SECOND).await;
    refuse(1001).await;
    let (written, left_out) = *lines.0.lock().unwrap();
    assert!((10..100).contains(&written), "{written} lines");
    assert!(left_out > 900, "{left_out} are counted");
}

#[tokio::test(start_paused = true)]
async fn connections_cannot_fill_the_log() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let (host, connector) = host();
    for _ in 0..500 {
        drop(Raw::join(&connector, hello("Eve")).await);
        let mut eve = Raw::connect(&connector).await;
        eve.send(&ClientMessage::Ping { nonce: 1 }).await;
        eve.receive_error().await;
    }
    assert_eq!(host.stats().faulted, 500);
    let (written, _) = *lines.0.lock().unwrap();
    assert!((10..100).contains(&written), "{written} lines");
}
