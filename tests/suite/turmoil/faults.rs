//! One fault at a time, and then random combinations of all of them.

use std::time::Duration;

use imbolc_net::{
    Event, SessionEvent,
    dispatcher::{ConnectionError, Status},
    model::InstrumentId,
    protocol::PrivilegeLevel,
};

use super::{Command, HOST, SECOND, Simulation};
use crate::ledger::MARGIN;

/// Each of `names` writes `times` lines.
fn write_lines(simulation: &mut Simulation, names: &[&str], times: usize) {
    for _ in 0..times {
        for name in names {
            simulation.write(name);
        }
        simulation.advance(Duration::from_millis(50));
    }
}

#[test]
fn short_outage_causes_no_reconnect() {
    let all = [HOST, "ana", "ben", "cid"];
    let mut simulation = Simulation::with("hold", &all[1..], &mut turmoil::Builder::new());
    write_lines(&mut simulation, &all, 5);
    // Until all of it is answered.
    simulation.advance(SECOND);
    simulation.sim.hold(HOST, "ana");
    simulation.participant("ana").events.clear();
    write_lines(&mut simulation, &all, 20);
    simulation.advance(7 * SECOND);
    let page = simulation.participant("ana").page;
    assert_eq!(simulation.view(HOST).state.model.lines(page).len(), 5, "the host gets nothing");
    assert_eq!(simulation.view("ana").state.model.lines(page).len(), 25, "but she predicts it");
    assert_eq!(simulation.view("ana").unanswered, 20);
    assert_eq!(
        simulation.view("ben").state.model.lines(MARGIN).len(),
        25,
        "the others are not affected"
    );
    assert!(simulation.is_connected("ana"));
    simulation.sim.release(HOST, "ana");
    let took = simulation.settle_and_check();
    assert!(took < SECOND, "{took:?}");
    for name in all {
        assert!(simulation.all_applied(name), "{name}");
    }
    assert_eq!(simulation.view(HOST).stats.accepted, 3, "no client has reconnected");
    let events = &simulation.participant("ana").events;
    let unexpected = |event: &Event<_>| {
        matches!(
            event,
            Event::Status(_)
                | Event::Session(SessionEvent::Resynchronised(_))
                | Event::Session(SessionEvent::NewSession { .. })
        )
    };
    assert!(!events.iter().any(unexpected), "{events:?}");
}

#[test]
fn crashed_client_resumes_and_nothing_counts_twice() {
    let all = [HOST, "ana", "ben"];
    let mut simulation = Simulation::with("crash", &all[1..], &mut turmoil::Builder::new());
    let me = simulation.view("ana").identity;
    for _ in 0..10 {
        write_lines(&mut simulation, &all, 3);
        // Crash while some lines are in flight.
        for name in all {
            simulation.write(name);
        }
        simulation.advance(Duration::from_millis(6));
        simulation.sim.crash("ana");
        simulation.participant("ana").view = None;
        write_lines(&mut simulation, &[HOST, "ben"], 3);
        let roster = simulation.view("ben").state.roster.clone();
        assert!(roster.owns(me.client_id, InstrumentId(1)), "her place is kept");
        simulation.sim.bounce("ana");
        let took = simulation.settle_and_check();
        assert!(took < SECOND, "{took:?}");
        assert_eq!(simulation.view("ana").identity, me, "she has resumed");
    }
    assert!(simulation.all_applied("ben") && simulation.all_applied(HOST));
    assert_eq!(simulation.view(HOST).state.model.lines(2).len(), 70);
    assert!(simulation.view(HOST).state.model.lines(1).len() >= 30);
    assert_eq!(simulation.view(HOST).state.roster.participants.len(), 3);
}

#[test]
fn clients_rejoin_after_a_host_crash() {
    let guests = ["ana", "ben", "cid"];
    let mut simulation = Simulation::with("host", &guests, &mut turmoil::Builder::new());
    let session = simulation.view("ana").identity.session;
    write_lines(&mut simulation, &guests, 5);
    simulation.settle_and_check();
    simulation.sim.crash(HOST);
    simulation.participant(HOST).view = None;
    write_lines(&mut simulation, &guests, 4);
    for name in guests {
        assert!(matches!(simulation.view(name).status, Status::Reconnecting { .. }), "{name}");
        assert_eq!(simulation.view(name).unanswered, 4);
        // Lines of the old session are not in the new ledger.
        simulation.participant(name).answered.clear();
    }
    simulation.advance(3 * SECOND);
    simulation.sim.bounce(HOST);
    let took = simulation.settle_and_check();
    assert!(took < 6 * SECOND, "{took:?}");
    for name in guests {
        assert_ne!(simulation.view(name).identity.session, session);
        let mut participant = simulation.participant(name);
        let lost = participant.events.iter().find_map(|event| match event {
            Event::Session(SessionEvent::NewSession { unanswered, .. }) => Some(unanswered.clone()),
            _ => None,
        });
        let lost: Vec<_> =
            lost.expect("a NewSession event").iter().map(|write| write.line).collect();
        assert_eq!(
            lost,
            participant.dispatched[5..],
            "{name} learns which lines were not answered"
        );
        let refused = participant.answered.iter().filter(|(_, answer)| answer.is_err()).count();
        assert_eq!((refused, participant.answered.len()), (4, 4), "each commit has its answer");
        participant.answered.clear();
    }
    write_lines(&mut simulation, &guests, 5);
    simulation.settle_and_check();
    for name in guests {
        assert_eq!(simulation.participant(name).answered.len(), 5, "{name}");
    }
}

#[test]
fn partitioned_clients_resume_after_the_repair() {
    let all = [HOST, "ana", "ben", "cid"];
    let mut simulation = Simulation::with("partition", &all[1..], &mut turmoil::Builder::new());
    simulation.participant("ana").commands.push_back(Command::RequestPrivilege);
    simulation.advance(SECOND);
    assert_eq!(
        simulation.view("ana").identity.privilege,
        PrivilegeLevel::Normal,
        "the host has it"
    );
    let [ana, ben] = ["ana", "ben"].map(|name| simulation.view(name).identity);
    write_lines(&mut simulation, &all, 5);
    for name in ["ana", "ben"] {
        simulation.sim.partition(HOST, name);
    }
    write_lines(&mut simulation, &all, 5);
    // Neither side receives anything, not even the end of the connection.
    let noticed = simulation.until("the host notices", |simulation| simulation.is_away("ana"));
    assert!(noticed < 16 * SECOND, "{noticed:?}");
    simulation.until("she notices", |simulation| !simulation.is_connected("ana"));
    let Status::Reconnecting { reason, .. } = simulation.view("ana").status else { unreachable!() };
    assert_eq!(reason, ConnectionError::Silent(15 * SECOND));
    write_lines(&mut simulation, &all, 5);
    simulation.advance(5 * SECOND);
    for name in ["ana", "ben"] {
        simulation.sim.repair(HOST, name);
    }
    let took = simulation.settle_and_check();
    // An attempt that will time out may just have begun, followed by a pause.
    assert!(took < 11 * SECOND, "{took:?}");
    assert_eq!([simulation.view("ana").identity, simulation.view("ben").identity], [ana, ben]);
    for name in all {
        assert!(simulation.all_applied(name), "{name}");
        let page = simulation.participant(name).page;
        assert_eq!(simulation.view(HOST).state.model.lines(page).len(), 15, "{name}");
    }
    simulation.until("the dead connections are closed", |simulation| {
        simulation.view(HOST).stats.open == 3
    });
}

#[test]
fn one_way_partition_is_detected_and_recovered() {
    let all = [HOST, "ana", "ben"];
    for (from, to) in [(HOST, "ana"), ("ana", HOST)] {
        let test = format!("one-way-from-{from}");
        let mut simulation = Simulation::with(&test, &all[1..], &mut turmoil::Builder::new());
        let ana = simulation.view("ana").identity;
        write_lines(&mut simulation, &all, 5);
        simulation.settle_and_check();
        simulation.sim.partition_oneway(from, to);
        write_lines(&mut simulation, &all, 5);
        // One side still sends, the other one still receives.
        let noticed = simulation.until("she notices", |simulation| !simulation.is_connected("ana"));
        assert!(noticed < 21 * SECOND, "{noticed:?}");
        let noticed = simulation.until("the host notices", |simulation| simulation.is_away("ana"));
        assert!(noticed < 16 * SECOND, "{noticed:?}");
        write_lines(&mut simulation, &all, 5);
        simulation.advance(5 * SECOND);
        simulation.sim.repair_oneway(from, to);
        simulation.settle_and_check();
        assert_eq!(simulation.view("ana").identity, ana);
        for name in all {
            assert!(simulation.all_applied(name), "{name}");
            let page = simulation.participant(name).page;
            assert_eq!(simulation.view(HOST).state.model.lines(page).len(), 15, "{name}");
        }
    }
}

#[test]
fn random_faults_never_lose_or_repeat_an_action() {
    for seed in 0..6 {
        let mut random = seed * 0x9e37_79b9 + 1;
        let mut roll = |sides: u64| {
            // An xorshift; the quality of its low bits suffices here.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % sides
        };
        let all = [HOST, "ana", "ben", "cid", "dan"];
        let mut network = turmoil::Builder::new();
        network.rng_seed(seed).max_message_latency(Duration::from_millis(1 + 40 * seed));
        let mut simulation = Simulation::with(&format!("any-{seed}"), &all[1..], &mut network);
        for _ in 0..25 {
            let name = all[1 + usize::try_from(roll(4)).unwrap()];
            match roll(9) {
                0 => simulation.sim.hold(HOST, name),
                1 => simulation.sim.release(HOST, name),
                2 => simulation.sim.partition(HOST, name),
                3 => simulation.sim.partition_oneway(HOST, name),
                4 => simulation.sim.partition_oneway(name, HOST),
                5 => simulation.sim.repair(HOST, name),
                6 => {
                    simulation.sim.repair_oneway(HOST, name);
                    simulation.sim.repair_oneway(name, HOST);
                }
                7 => {
                    simulation.sim.crash(name);
                    simulation.participant(name).view = None;
                }
                _ => simulation.sim.bounce(name),
            }
            // A crashed participant finds its commands when it restarts.
            write_lines(&mut simulation, &all, 1 + usize::try_from(roll(3)).unwrap());
            simulation.advance(Duration::from_millis(roll(3000)));
        }
        for name in &all[1..] {
            simulation.sim.release(HOST, *name);
            simulation.sim.repair(HOST, *name);
            if !simulation.sim.is_host_running(*name) {
                simulation.sim.bounce(*name);
            }
        }
        // An expired client joins again; none is stuck.
        let took = simulation.settle_and_check();
        assert!(took < 80 * SECOND, "seed {seed}: {took:?}");
        write_lines(&mut simulation, &all, 2);
        simulation.settle_and_check();
    }
}
