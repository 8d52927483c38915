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

/// It ends when it is dropped, and also if this process is killed: it reads
/// orders until there is nobody left to give any.
pub struct ChildProcess {
    process: Process,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Where it listens.
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
        let address = line(&mut answers);
        Self { process, orders, answers, address }
    }

    /// Gives an order, and waits until it is done.
    pub fn order(&mut self, order: ChildOrder) -> ChildAnswer {
        let mut line = serde_json::to_string(&order).unwrap();
        line.push('\n');
        self.orders.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        serde_json::from_str(&self::line(&mut self.answers)).unwrap()
    }

    /// The CPU time that it has used.
    pub fn cpu(&mut self) -> Duration {
        self.order(ChildOrder::Cpu).cpu
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        drop(self.orders.take());
        // It was told; what else there is to know of its end, it has said itself.
        let _ = self.process.wait();
    }
}

fn line(answers: &mut impl BufRead) -> String {
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    line.trim().to_owned()
}
