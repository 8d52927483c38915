//! What goes wrong, one thing at a time, and then everything at random.

use std::time::Duration;

use imbolc_net::{
    Event,
    dispatcher::{ConnectionError, Status},
    model::InstrumentId,
    protocol::PrivilegeLevel,
};

use super::{HOST, Order, SECOND, Stage};
use crate::ledger::MARGIN;

/// Everybody writes so many lines.
fn all_write(stage: &mut Stage, names: &[&str], times: usize) {
    for _ in 0..times {
        for name in names {
            stage.write(name);
        }
        stage.lets_pass(Duration::from_millis(50));
    }
}

#[test]
fn an_outage_that_tcp_rides_out_loses_nothing_and_nobody_reconnects() {
    let all = [HOST, "ana", "ben", "cid"];
    let mut stage = Stage::with("hold", &all[1..], &mut turmoil::Builder::new());
    all_write(&mut stage, &all, 5);
    // So that all of it is answered.
    stage.lets_pass(SECOND);
    stage.sim.hold(HOST, "ana");
    stage.seat("ana").news.clear();
    all_write(&mut stage, &all, 20);
    stage.lets_pass(7 * SECOND);
    let page = stage.seat("ana").page;
    assert_eq!(stage.sees(HOST).state.model.lines(page).len(), 5, "nothing comes through");
    assert_eq!(stage.sees("ana").state.model.lines(page).len(), 25, "but she sees it");
    assert_eq!(stage.sees("ana").unanswered, 20);
    assert_eq!(stage.sees("ben").state.model.lines(MARGIN).len(), 25, "the others go on");
    assert!(stage.is_connected("ana"));
    stage.sim.release(HOST, "ana");
    let took = stage.account();
    assert!(took < SECOND, "{took:?}");
    for name in all {
        assert!(stage.all_granted(name), "{name}");
    }
    assert_eq!(stage.sees(HOST).stats.accepted, 3, "nobody has called twice");
    let news = &stage.seat("ana").news;
    let upset = |event: &Event<_>| {
        matches!(event, Event::Status(_) | Event::Resynchronised(_) | Event::NewSession { .. })
    };
    assert!(!news.iter().any(upset), "{news:?}");
}

#[test]
fn a_client_that_crashes_and_is_started_again_has_its_place_and_nothing_counts_twice() {
    let all = [HOST, "ana", "ben"];
    let mut stage = Stage::with("crash", &all[1..], &mut turmoil::Builder::new());
    let me = stage.sees("ana").identity;
    for _ in 0..10 {
        all_write(&mut stage, &all, 3);
        // In the middle of it, so that some of it is on its way.
        for name in all {
            stage.write(name);
        }
        stage.lets_pass(Duration::from_millis(6));
        stage.sim.crash("ana");
        stage.seat("ana").view = None;
        all_write(&mut stage, &[HOST, "ben"], 3);
        let roster = stage.sees("ben").state.roster.clone();
        assert!(roster.owns(me.client_id, InstrumentId(1)), "her page is kept");
        stage.sim.bounce("ana");
        let took = stage.account();
        assert!(took < SECOND, "{took:?}");
        assert_eq!(stage.sees("ana").identity, me, "she is who she was");
    }
    assert!(stage.all_granted("ben") && stage.all_granted(HOST));
    assert_eq!(stage.sees(HOST).state.model.lines(2).len(), 70);
    assert!(stage.sees(HOST).state.model.lines(1).len() >= 30);
    assert_eq!(stage.sees(HOST).state.roster.participants.len(), 3);
}

#[test]
fn when_the_host_crashes_all_join_its_next_session_and_learn_what_was_not_answered() {
    let guests = ["ana", "ben", "cid"];
    let mut stage = Stage::with("host", &guests, &mut turmoil::Builder::new());
    let session = stage.sees("ana").identity.session;
    all_write(&mut stage, &guests, 5);
    stage.account();
    stage.sim.crash(HOST);
    stage.seat(HOST).view = None;
    all_write(&mut stage, &guests, 4);
    for name in guests {
        assert!(matches!(stage.sees(name).status, Status::Reconnecting { .. }), "{name}");
        assert_eq!(stage.sees(name).unanswered, 4);
        // What was done in the session before is no part of the account.
        stage.seat(name).answered.clear();
    }
    stage.lets_pass(3 * SECOND);
    stage.sim.bounce(HOST);
    let took = stage.account();
    assert!(took < 6 * SECOND, "{took:?}");
    for name in guests {
        assert_ne!(stage.sees(name).identity.session, session);
        let mut seat = stage.seat(name);
        let lost = seat.news.iter().find_map(|event| match event {
            Event::NewSession { unanswered, .. } => Some(unanswered.clone()),
            _ => None,
        });
        let lost: Vec<_> = lost.expect("it is told").iter().map(|write| write.line).collect();
        assert_eq!(lost, seat.taken[5..], "{name} learns what was not answered");
        let refused = seat.answered.iter().filter(|(_, answer)| answer.is_err()).count();
        assert_eq!((refused, seat.answered.len()), (4, 4), "each commit has its answer");
        seat.answered.clear();
    }
    all_write(&mut stage, &guests, 5);
    stage.account();
    for name in guests {
        assert_eq!(stage.seat(name).answered.len(), 5, "{name}");
    }
}

#[test]
fn who_is_behind_a_cable_that_was_out_comes_back_by_a_new_connection_as_promised() {
    let all = [HOST, "ana", "ben", "cid"];
    let mut stage = Stage::with("partition", &all[1..], &mut turmoil::Builder::new());
    stage.seat("ana").orders.push_back(Order::AskForPrivilege);
    stage.lets_pass(SECOND);
    assert_eq!(stage.sees("ana").identity.privilege, PrivilegeLevel::Normal, "the host has it");
    let [ana, ben] = ["ana", "ben"].map(|name| stage.sees(name).identity);
    all_write(&mut stage, &all, 5);
    for name in ["ana", "ben"] {
        stage.sim.partition(HOST, name);
    }
    all_write(&mut stage, &all, 5);
    // Neither side hears anything, not even that the other is gone.
    let noticed = stage.until("the host notices", |stage| stage.is_away("ana"));
    assert!(noticed < 16 * SECOND, "{noticed:?}");
    stage.until("she notices", |stage| !stage.is_connected("ana"));
    let Status::Reconnecting { reason, .. } = stage.sees("ana").status else { unreachable!() };
    assert_eq!(reason, ConnectionError::Silent(15 * SECOND));
    all_write(&mut stage, &all, 5);
    stage.lets_pass(5 * SECOND);
    for name in ["ana", "ben"] {
        stage.sim.repair(HOST, name);
    }
    let took = stage.account();
    // A call into the void may just have begun, and a pause after it.
    assert!(took < 11 * SECOND, "{took:?}");
    assert_eq!([stage.sees("ana").identity, stage.sees("ben").identity], [ana, ben]);
    for name in all {
        assert!(stage.all_granted(name), "{name}");
        let page = stage.seat(name).page;
        assert_eq!(stage.sees(HOST).state.model.lines(page).len(), 15, "{name}");
    }
    stage.until("the dead connections are closed", |stage| stage.sees(HOST).stats.open == 3);
}

#[test]
fn a_link_that_leads_one_way_only_is_given_up_and_all_counts_when_it_leads_both_ways_again() {
    let all = [HOST, "ana", "ben"];
    for (from, to) in [(HOST, "ana"), ("ana", HOST)] {
        let test = format!("one-way-from-{from}");
        let mut stage = Stage::with(&test, &all[1..], &mut turmoil::Builder::new());
        let ana = stage.sees("ana").identity;
        all_write(&mut stage, &all, 5);
        stage.account();
        stage.sim.partition_oneway(from, to);
        all_write(&mut stage, &all, 5);
        // Who is heard may hear nothing, and who hears may not be heard.
        let noticed = stage.until("she notices", |stage| !stage.is_connected("ana"));
        assert!(noticed < 21 * SECOND, "{noticed:?}");
        let noticed = stage.until("the host notices", |stage| stage.is_away("ana"));
        assert!(noticed < 16 * SECOND, "{noticed:?}");
        all_write(&mut stage, &all, 5);
        stage.lets_pass(5 * SECOND);
        stage.sim.repair_oneway(from, to);
        stage.account();
        assert_eq!(stage.sees("ana").identity, ana);
        for name in all {
            assert!(stage.all_granted(name), "{name}");
            let page = stage.seat(name).page;
            assert_eq!(stage.sees(HOST).state.model.lines(page).len(), 15, "{name}");
        }
    }
}

#[test]
fn whatever_happens_to_the_network_everything_counts_once() {
    for seed in 0..6 {
        let mut dice = seed * 0x9e37_79b9 + 1;
        let mut roll = |sides: u64| {
            // An xorshift; its low bits are as good as any here.
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % sides
        };
        let all = [HOST, "ana", "ben", "cid", "dan"];
        let mut network = turmoil::Builder::new();
        network.rng_seed(seed).max_message_latency(Duration::from_millis(1 + 40 * seed));
        let mut stage = Stage::with(&format!("any-{seed}"), &all[1..], &mut network);
        for _ in 0..25 {
            let name = all[1 + usize::try_from(roll(4)).unwrap()];
            match roll(9) {
                0 => stage.sim.hold(HOST, name),
                1 => stage.sim.release(HOST, name),
                2 => stage.sim.partition(HOST, name),
                3 => stage.sim.partition_oneway(HOST, name),
                4 => stage.sim.partition_oneway(name, HOST),
                5 => stage.sim.repair(HOST, name),
                6 => {
                    stage.sim.repair_oneway(HOST, name);
                    stage.sim.repair_oneway(name, HOST);
                }
                7 => {
                    stage.sim.crash(name);
                    stage.seat(name).view = None;
                }
                _ => stage.sim.bounce(name),
            }
            // Whoever has crashed finds its orders when it is back.
            all_write(&mut stage, &all, 1 + usize::try_from(roll(3)).unwrap());
            stage.lets_pass(Duration::from_millis(roll(3000)));
        }
        for name in &all[1..] {
            stage.sim.release(HOST, *name);
            stage.sim.repair(HOST, *name);
            if !stage.sim.is_host_running(*name) {
                stage.sim.bounce(*name);
            }
        }
        // Who was away for too long comes in anew; nobody is stuck for good.
        let took = stage.account();
        assert!(took < 80 * SECOND, "seed {seed}: {took:?}");
        all_write(&mut stage, &all, 2);
        stage.account();
    }
}
