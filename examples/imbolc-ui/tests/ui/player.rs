//! A real process in a pseudo-terminal, driven by keys.

use std::{
    io::{Read as _, Write as _},
    num::NonZeroU16,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use pty_process::{Size, blocking};

/// The timeout of every wait.
const TIMEOUT: Duration = Duration::from_secs(20);

const LINES: u16 = 30;
const COLUMNS: u16 = 100;

/// A process in a pseudo-terminal.
pub struct Player {
    child: Child,
    terminal: Arc<blocking::Pty>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// The bytes that the program has written.
    written: Arc<Mutex<Vec<u8>>>,
    _home: Home,
}

/// A home directory, so that no test finds what another one or the user has saved.
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Relaxed);
        let name = format!("imbolc-ui-home-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Player {
    /// Starts the program in a terminal of 100 by 30.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_in(COLUMNS, LINES, arguments)
    }

    /// Starts the program in a terminal of another size.
    pub fn start_in(columns: u16, lines: u16, arguments: &[&str]) -> Self {
        Self::start_with_term("xterm-256color", columns, lines, arguments)
    }

    /// Starts the program in a terminal of another type.
    pub fn start_with_term(term: &str, columns: u16, lines: u16, arguments: &[&str]) -> Self {
        let program = blocking::Command::new(PROGRAM).args(arguments).args(silence(arguments));
        let program = program.env("TERM", term).env_remove("IMBOLC_CODE");
        Self::start_program(columns, lines, program)
    }

    /// Starts another program in a terminal.
    pub fn start_program(columns: u16, lines: u16, program: blocking::Command) -> Self {
        let (terminal, end) = blocking::open().expect("a terminal");
        terminal.resize(Size::new(lines, columns)).expect("its size");
        let home = Home::new();
        let program = program.env_remove("RUST_LOG");
        let program = program.env("HOME", &home.0).env_remove("XDG_DATA_HOME");
        let program = program.env_remove("XDG_STATE_HOME");
        let child = program.spawn(end).expect("the program starts");
        let size = |size| NonZeroU16::new(size).expect("not empty");
        let screen = vt100::Parser::new(size(lines), size(columns), 0);
        let (terminal, screen) = (Arc::new(terminal), Arc::new(Mutex::new(screen)));
        let written = Arc::new(Mutex::new(Vec::new()));
        thread::spawn({
            let (terminal, screen) = (Arc::clone(&terminal), Arc::clone(&screen));
            let written = Arc::clone(&written);
            move || {
                let mut bytes = [0; 4096];
                // The read fails when the program ends.
                while let Ok(count @ 1..) = (&*terminal).read(&mut bytes) {
                    screen.lock().expect("not poisoned").process(&bytes[..count]);
                    written.lock().expect("not poisoned").extend(&bytes[..count]);
                }
            }
        });
        Self { child, terminal, screen, written, _home: home }
    }

    fn parser(&self) -> MutexGuard<'_, vt100::Parser> {
        self.screen.lock().expect("not poisoned")
    }

    /// The current screen.
    pub fn screen(&self) -> String {
        self.parser().screen().contents()
    }

    /// How many bytes the program has written so far.
    pub fn written(&self) -> usize {
        self.written.lock().expect("not poisoned").len()
    }

    /// All that the program has written.
    pub fn output(&self) -> String {
        self.output_since(0)
    }

    /// What the program has written since it had written `from` bytes.
    pub fn output_since(&self, from: usize) -> String {
        String::from_utf8_lossy(&self.written.lock().expect("not poisoned")[from..]).into_owned()
    }

    /// Whether the program has taken the screen and not given it back.
    pub fn has_screen(&self) -> bool {
        self.parser().screen().alternate_screen()
    }

    /// Sends keys, as the bytes that a terminal sends for them.
    pub fn press(&mut self, keys: &str) {
        self.press_bytes(keys.as_bytes());
    }

    /// Types what need not be text.
    pub fn press_bytes(&mut self, keys: &[u8]) {
        (&*self.terminal).write_all(keys).expect("the program reads");
    }

    /// Waits until `text` is on the screen.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(&format!("{text:?} is on the screen"), |screen| screen.contains(text));
    }

    /// Waits until `is` accepts the screen.
    pub fn wait_until(&self, what: &str, is: impl Fn(&str) -> bool) {
        let end = Instant::now() + TIMEOUT;
        loop {
            let screen = self.screen();
            if is(&screen) {
                return;
            }
            assert!(Instant::now() < end, "it never happened that {what}:\n{screen}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the program ends.
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        let end = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                // Its last output may still be in the pseudo-terminal.
                thread::sleep(Duration::from_millis(50));
                return status;
            }
            assert!(Instant::now() < end, "it does not end:\n{}", self.screen());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills the program, as a crash would.
    #[cfg(feature = "net")]
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Sends a signal to the program, by name.
    pub fn signal(&self, name: &str) {
        send_signal(&self.child, name);
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process, by name.
pub fn send_signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
    assert!(sent.success());
}

/// Runs the program without a terminal until it ends.
pub fn without_terminal(arguments: &[&str]) -> Output {
    let (mut program, home) = (Command::new(PROGRAM), Home::new());
    program.env("HOME", &home.0).env_remove("XDG_STATE_HOME");
    program.args(arguments).args(silence(arguments)).output().expect("the program starts")
}

/// What keeps the program from starting `scsynth`, if it would.
pub fn silence(arguments: &[&str]) -> &'static [&'static str] {
    let chosen = ["--connect", "--discover", "--engine", "--render", "--doctor", "--scsynth"];
    if arguments.iter().any(|argument| chosen.contains(argument)) {
        return &[];
    }
    &["--engine", "silent"]
}

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_imbolc-ui");
