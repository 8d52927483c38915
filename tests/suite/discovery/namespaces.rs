//! Two machines with two links between them, made of network namespaces. Skipped
//! where the operating system does not allow to create those.

use std::{
    net::{IpAddr, SocketAddr},
    process::{Command, Stdio},
    time::Duration,
};

use imbolc_net::discovery::{
    Advert, DiscoveryClient, DiscoveryConfig, DiscoveryEvent, DiscoveryServer, Interfaces,
};
use tokio::time::{Instant, timeout_at};

use super::{LIMIT, browse, found, lost, role, role_command, wait_for_the_end_of_input};

const TEST: &str = "discovery::namespaces::session_survives_interface_changes";

/// Creates two machines, `here` and `there`, with two links between them, runs the
/// test in both, and ends with the one in `here`. `$@` runs the test.
const TWO_MACHINES: &str = r#"
ip link set lo up
sleep 1000 | unshare -n cat & sleeper=$!
there=
while [ -z "$there" ]; do
    sleep 0.05
    kill -0 $sleeper
    [ "$(readlink /proc/$sleeper/ns/net)" = "$(readlink /proc/$$/ns/net)" ] || there=$sleeper
done
for n in 0 1; do
    ip link add here$n type veth peer name there$n netns $there
    ip address add 10.77.$n.1/24 dev here$n
    ip link set here$n up
    nsenter -t $there -n ip address add 10.77.$n.2/24 dev there$n
    nsenter -t $there -n ip link set there$n up
done
nsenter -t $there -n ip link set lo up
sleep 1000 | IMBOLC_NET_TEST_ROLE=there= nsenter -t $there -n "$@" >/dev/null &
status=0
IMBOLC_NET_TEST_ROLE=here= "$@" || status=$?
exit $status
"#;

#[tokio::test]
async fn session_survives_interface_changes() {
    let lan = DiscoveryConfig { interfaces: Interfaces::All, port: 5353 };
    if role("there").is_some() {
        let (advert, address) = (Advert::new("jam").unwrap(), "[::]:9999".parse().unwrap());
        let _server = DiscoveryServer::announce(advert, address, &lan).unwrap();
        wait_for_the_end_of_input();
    } else if role("here").is_some() {
        follow_interface_changes(&lan).await;
    } else if can_make_namespaces() {
        let test = role_command(TEST, "", "");
        // All processes in the namespace end along with it.
        let mut machines = Command::new("unshare");
        machines.args(["-r", "-n", "-p", "-f", "--kill-child", "--mount-proc"]);
        machines.args(["sh", "-ec", TWO_MACHINES, "sh"]);
        machines.arg(test.get_program()).args(test.get_args());
        let output = machines.stdin(Stdio::null()).output().unwrap();
        let output_text = String::from_utf8_lossy(&output.stdout);
        let error_text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{output_text}\n{error_text}");
        println!("{output_text}");
    } else {
        println!("skipped: network namespaces cannot be created here");
    }
}

fn can_make_namespaces() -> bool {
    let attempt = "ip link add here type veth peer name there && nsenter -t $$ -n true";
    let mut probe = Command::new("unshare");
    probe.args(["-r", "-n", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-c", attempt]);
    probe.output().is_ok_and(|output| output.status.success())
}

async fn follow_interface_changes(lan: &DiscoveryConfig) {
    let mut client = browse(lan);
    let session = found(&mut client).await;
    assert_eq!(session.address().port(), 9999);
    let links = [Link(0), Link(1)];
    reached_by(&mut client, &[true, true]).await;
    let scoped = |address: &SocketAddr| matches!(address, SocketAddr::V6(v6) if v6.scope_id() > 0);
    until(&mut client, "a link-local address", |addresses| addresses.iter().any(scoped)).await;

    links[0].set("down");
    reached_by(&mut client, &[false, true]).await;
    links[0].set("up");
    reached_by(&mut client, &[true, true]).await;
    links[1].set("down");
    reached_by(&mut client, &[true, false]).await;

    links[0].set("down");
    let (took, session) = lost(&mut client).await;
    println!("lost {took:?} after the last link went down");
    assert_eq!(session.name, "jam");
    assert!(took < Duration::from_secs(10), "{took:?}");

    let since = Instant::now();
    links[1].set("up");
    assert_eq!(found(&mut client).await.id, session.id);
    println!("found {:?} after a link came up", since.elapsed());
    reached_by(&mut client, &[false, true]).await;
}

struct Link(u8);

impl Link {
    fn set(&self, state: &str) {
        let name = format!("here{}", self.0);
        let status = Command::new("ip").args(["link", "set", &name, state]).status().unwrap();
        assert!(status.success());
    }
}

/// Waits until the session is reachable over exactly these links, without ever
/// being lost.
async fn reached_by(client: &mut DiscoveryClient, links: &[bool]) {
    let is_reached = |addresses: &[SocketAddr]| {
        (0..).zip(links).all(|(n, &up)| {
            let ip = IpAddr::from([10, 77, n, 2]);
            addresses.iter().any(|address| address.ip() == ip) == up
        })
    };
    let since = Instant::now();
    until(client, &format!("{links:?}"), is_reached).await;
    println!("reached by {links:?} after {:?}", since.elapsed());
}

async fn until(
    client: &mut DiscoveryClient,
    what: &str,
    condition: impl Fn(&[SocketAddr]) -> bool,
) {
    let deadline = Instant::now() + LIMIT;
    loop {
        let sessions: Vec<_> = client.sessions().cloned().collect();
        assert_eq!(sessions.len(), 1, "{sessions:?}");
        if condition(&sessions[0].addresses) {
            return;
        }
        match timeout_at(deadline, client.next()).await {
            Ok(Some(DiscoveryEvent::Changed(_))) => {}
            Ok(other) => panic!("{other:?} while waiting for {what}"),
            Err(_) => panic!("no {what} in {sessions:?}"),
        }
    }
}
