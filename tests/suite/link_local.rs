//! Machines without a default route, made of a network namespace: where a host says that
//! it can be joined, and what a client may type. Skipped where the operating system does
//! not allow to create namespaces.

use std::{
    env,
    process::{Command, Stdio},
};

use imbolc_net::{
    Dispatcher, Mode,
    admission::AdmissionPolicy,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::Status,
    server::HostOptions,
    studio::Studio,
    transport::{interface_hint, seen_from_elsewhere, where_to_join, with_port},
};

const TEST: &str = "link_local::host_without_other_addresses_can_be_joined";

/// Set in the namespace.
const INSIDE: &str = "IMBOLC_TEST_LINK_LOCAL";

/// Makes two interfaces that are linked, waits for their addresses, and runs `$@`.
const LINK: &str = r#"
ip link set lo up
ip link add here type veth peer name there
for end in here there; do ip link set $end up; done
for turn in $(seq 100); do
    [ "$(ip -6 address show scope link -tentative | grep -c inet6)" = 2 ] && exec "$@"
    sleep 0.1
done
exit 9
"#;

#[tokio::test]
async fn host_without_other_addresses_can_be_joined() {
    if env::var_os(INSIDE).is_some() {
        return join_over_a_link().await;
    }
    let in_namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-r", "-n", "sh", "-ec", script, "sh"]).stdin(Stdio::null());
        command
    };
    let probe = in_namespace("ip link add here type veth peer name there").output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return println!("skipped: network namespaces cannot be created here");
    }
    let mut inside = in_namespace(LINK);
    inside.arg(env::current_exe().unwrap()).args(["--exact", TEST, "--nocapture"]);
    let output = inside.env(INSIDE, "1").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

async fn join_over_a_link() {
    let mode = Mode::Host {
        name: "Mia".into(),
        address: "[::]:0".into(),
        options: HostOptions { admission: AdmissionPolicy::Open, ..HostOptions::default() },
    };
    let host = imbolc_net::open(mode).await.unwrap();
    let Status::Hosting { address: Some(address) } = host.status() else { panic!() };
    let there = seen_from_elsewhere(address);
    assert_eq!(where_to_join(address), there);
    assert_eq!(there.len(), 2, "{there:?}");
    let (ip, port) = (there[0].ip(), address.port());
    assert!(there[0].to_string().starts_with("[fe80::"), "{there:?}");
    assert!(!there[0].to_string().contains('%'), "{there:?}");
    let hint = interface_hint(there[0]).unwrap();
    assert_eq!(hint, format!("with your own network interface, e.g. [{ip}%eth0]:{port}"));

    let listed = Command::new("ip").args(["-o", "link", "show", "here"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let (number, _) = listed.split_once(':').unwrap();
    for interface in ["here", number] {
        for typed in [format!("{ip}%{interface}:{port}"), format!("[{ip}%{interface}]:{port}")] {
            let joined = join(&typed).await;
            assert!(joined.is_ok(), "{typed}: {joined:?}");
        }
    }
    let known = format!("{ip}%here or {ip}%there");
    let missing = format!("{ip} needs a network interface of this machine, e.g. {known}");
    let unknown = format!("this machine has no network interface eth9; try {known}");
    for (typed, expected) in
        [(format!("[{ip}]:{port}"), missing), (format!("[{ip}%eth9]:{port}"), unknown)]
    {
        let error = join(&typed).await.unwrap_err();
        assert!(error.ends_with(&expected), "{error} instead of {expected}");
    }

    // An address that is easier to type is told instead, without a default route, too.
    let mut add = Command::new("ip");
    add.args(["address", "add", "10.78.0.1/24", "dev", "here"]);
    assert!(add.status().unwrap().success());
    assert_eq!(where_to_join(address), [([10, 78, 0, 1], port).into()]);
}

async fn join(typed: &str) -> Result<(), String> {
    let address = with_port(typed);
    let options = JoinOptions { name: "Ana".into(), ..JoinOptions::default() };
    let joined = RemoteDispatcher::connect(&address, options).await;
    let client: RemoteDispatcher<Studio> = joined.map_err(|error| error.to_string())?;
    client.close().await.map_err(|error| error.to_string())
}
