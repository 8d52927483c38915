//! The doctor: with everything there, and with each thing missing.

#![allow(missing_docs)]

mod server_bench;

use imbolc_supercollider::{
    doctor::{Finding, examine},
    server::ServerOptions,
};

use self::server_bench::{Bench, run_alone};

fn find<'a>(findings: &'a [Finding], what: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.what == what).unwrap_or_else(|| panic!("{findings:?}"))
}

#[test]
fn with_everything_there_a_tone_is_heard() {
    let Some(bench) = Bench::alone(256) else { return };
    let findings = examine(&bench.options(), true);
    assert!(findings.iter().all(|finding| finding.good), "{findings:?}");
    assert!(find(&findings, "program").state.starts_with("scsynth 3."), "{findings:?}");
    let audio = &find(&findings, "audio").state;
    assert!(audio.ends_with("48000 Hz, periods of 256 frames"), "{audio}");
    assert!(find(&findings, "port").state.starts_with("127.0.0.1:"));
    assert_eq!(find(&findings, "tone").state, "440 Hz at -30 dB on outputs 1 and 2");
}

#[test]
fn without_jack_the_doctor_says_so() {
    let Some(mut bench) = Bench::alone(256) else { return };
    bench.stop_jack();
    let findings = examine(&bench.options(), true);
    let server = find(&findings, "server");
    assert!(!server.good && server.state.starts_with("JACK does not run"), "{findings:?}");
}

#[test]
fn missing_programs_are_named_with_their_command() {
    let lines = run_alone("child_without_programs", &[("PATH", "")]);
    let expected = [
        "program: SuperCollider is not installed: apt install supercollider-server",
        "setpriv: not installed: apt install util-linux",
    ];
    assert_eq!(lines, expected);
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn child_without_programs() {
    for finding in examine(&ServerOptions::default(), true) {
        assert!(!finding.good);
        println!("> {}: {}", finding.what, finding.state);
    }
}
