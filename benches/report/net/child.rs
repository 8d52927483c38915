//! The parent's handle of a child process.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use super::{
    child_main::ROLE,
    child_protocol::{ChildAnswer, ChildOrder, ChildRole},
};

/// Ends when it is dropped or when this process ends, because it serves orders
/// until its standard input closes.
pub struct ChildProcess {
    process: Process,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// The address on which it listens.
    pub address: String,
}

impl ChildProcess {
    pub fn start(role: ChildRole) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .env(ROLE, serde_json::to_string(&role).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let address = read_line(&mut answers);
        Self { process, orders, answers, address }
    }

    /// Sends an order, and waits for the answer.
    pub fn order(&mut self, order: ChildOrder) -> ChildAnswer {
        let mut line = serde_json::to_string(&order).unwrap();
        line.push('\n');
        self.orders.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        serde_json::from_str(&read_line(&mut self.answers)).unwrap()
    }

    /// The CPU time of the child.
    pub fn cpu(&mut self) -> Duration {
        self.order(ChildOrder::Cpu).cpu
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        drop(self.orders.take());
        // The child has printed any error itself.
        let _ = self.process.wait();
    }
}

fn read_line(answers: &mut impl BufRead) -> String {
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    line.trim().to_owned()
}
