//! What strangers cost in memory, measured as the resident memory of a process of its own.

use std::{env, fs, process::Command};

use imbolc_net::{
    admission::AdmissionPolicy,
    server::{HostOptions, ServerConfig},
};
use tokio::io::AsyncWriteExt as _;

use super::{
    SECOND,
    visitor::{Visitor, host_on_a_lan},
};
use crate::conformance::eventually;

const TEST: &str = "shell::memory::stranger_costs_at_most_16_kib";
const INSIDE: &str = "IMBOLC_TEST_STRANGERS";

#[test]
fn stranger_costs_at_most_16_kib() {
    if env::var_os(INSIDE).is_some() {
        return measure();
    }
    let mut inside = Command::new(env::current_exe().unwrap());
    inside.args(["--exact", TEST, "--nocapture"]).env(INSIDE, "1");
    let output = inside.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

/// In bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn measure() {
    const STRANGERS: u32 = 1_000;
    let server = ServerConfig {
        handshake_timeout: 600 * SECOND,
        max_handshakes: 2_000,
        ..ServerConfig::default()
    };
    let admission = AdmissionPolicy::Code;
    let (host, lan) = host_on_a_lan(HostOptions { admission, server, ..HostOptions::default() });
    // What is made once is not the strangers'.
    drop(Visitor::connect(&lan, 1).await);
    let before = resident();
    let mut plain = Vec::new();
    let mut encrypted = Vec::new();
    let mut frame = 8_192_u32.to_be_bytes().to_vec();
    frame.resize(4 + 8_191, b' ');
    for number in 0..STRANGERS / 2 {
        let [high, low] = [number / 250, number % 250].map(|part| u8::try_from(part).unwrap());
        let ip = [10, 0, high, low];
        let mut stream = lan.connect_by(ip, 64);
        stream.write_all(&frame).await.unwrap();
        plain.push(stream);
        // A message of the channel that lacks its last byte.
        let stream = lan.connect_by([10, 1, high, low], 64);
        let Some(mut visitor) = Visitor::open(stream, 2).await else { panic!() };
        let mut sealed = Vec::new();
        visitor.channel.sealer.seal(&[0, 0, 4, 0].repeat(1_024), &mut sealed).unwrap();
        visitor.stream.write_all(&sealed[..sealed.len() - 1]).await.unwrap();
        encrypted.push(visitor.stream);
    }
    eventually("all are open", || host.stats().open == u64::from(STRANGERS)).await;
    let each = (resident() - before) / 1_000;
    assert!(each <= 16 * 1024, "{each} bytes");
    assert!(each > 1024, "{each} bytes: nothing was measured");
    drop((plain, encrypted));
}
