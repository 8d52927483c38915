//! A client in another language, written from docs/protocol.md: it enters an encrypted
//! session by the code, and resumes by its key.

use std::{
    path::Path,
    process::{Command, Output},
};

use imbolc_net::{
    Dispatcher, Event, SessionEvent,
    admission::AdmissionPolicy,
    authority::inline,
    server::{HostDispatcher, HostOptions},
    studio::{SilentEngine, StudioState},
};
use tokio::{net::TcpListener, task::spawn_blocking};

use crate::{
    conformance::event,
    harness::{BASS, cutoff_of},
};

async fn client(arguments: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/encrypted_client.py");
    let mut client = Command::new("python3");
    client.arg(program).args(arguments);
    spawn_blocking(move || client.output()).await.unwrap().expect("python3 is installed")
}

/// The same key for both visits.
struct KeyFile(std::path::PathBuf);

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn encrypted_python_client_enters_edits_and_resumes() {
    let help = client(&["--help"]).await;
    let missing = String::from_utf8(help.stderr).unwrap();
    if !help.status.success() && missing.contains("No module named") {
        return println!("skipped: {}", missing.trim());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let options = HostOptions {
        admission: AdmissionPolicy::Code,
        local_exemption: false,
        ..HostOptions::default()
    };
    let (model, engine) = (StudioState::starter(), inline(SilentEngine::default));
    let host = HostDispatcher::open("host", model, engine, listener, options).unwrap();
    let mut events = host.events();
    let key = format!("imbolc-net-python-{}.key", std::process::id());
    let key = KeyFile(std::env::temp_dir().join(key));
    let file = key.0.to_str().unwrap();

    // Without the code, with a wrong one, and with the right one.
    let refused = client(&[&address, "--key", file]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is not known: give its --code"));
    let code = host.admission().unwrap().code.shown();
    let wrong = if code == "000-000" { "111-111" } else { "000-000" };
    let refused = client(&[&address, "--key", file, "--code", wrong]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("WrongCode"));
    // The next day it knows the host, and the host knows it.
    let mut host_key = String::new();
    for visit in 0..2 {
        let shown = if visit == 0 { ["--code", &code] } else { ["--host", &host_key] };
        let all = [&[&address, "--key", file, "--name", "py"], &shown[..]].concat();
        let output = client(&all).await;
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{printed}");
        let mut lines = printed.lines();
        for expected in [
            "< Welcome, py, you are client",
            "> action 1: cutoff of instrument 1 to 880 Hz",
            "the connection is lost",
            "> Hello, I am back",
            "> action 2: cutoff of instrument 1 to 440 Hz",
            "> Goodbye",
            "< the host has closed the connection",
        ] {
            assert!(lines.any(|line| line.contains(expected)), "no `{expected}`:\n{printed}");
        }
        let left = event(&mut events, |event| match event {
            Event::Session(SessionEvent::Left(participant)) => Some(participant.name),
            _ => None,
        })
        .await;
        assert_eq!(&*left, "py");
        assert_eq!(cutoff_of(&host.state().model, BASS), 440.0);
        let line = printed.lines().find_map(|line| line.split_once("its key is "));
        assert_eq!(line.is_some(), visit == 0, "{printed}");
        host_key = line.map_or(host_key, |(_, digits)| digits.to_owned());
    }
}
