//! What goes wrong while results come home, and what is here afterwards.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use bytes::Bytes;
use collector::collect::{Arrivals, Collection, collect};
use collector::config::Pattern;
use collector::records::FileState;
use collector::shell::process::ProcessShell;
use collector::shell::{Command, Exit, Output, Shell, ShellError};
use tokio::io::AsyncRead;

use crate::collection::Silent;

const MIB: usize = 1 << 20;

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// The connection breaks when so many bytes were sent.
    Cut(usize),
    /// The byte behind so many is another one.
    Damaged(usize),
    /// Something is added to the file before it is sent.
    Appended,
    /// The file is cut off before it is sent.
    Truncated,
}

/// This machine, on which something goes wrong once while results are sent.
struct Faulty<'a> {
    shell: ProcessShell,
    file: &'a Path,
    fault: Cell<Option<Fault>>,
    sent: Cell<usize>,
    commands: Cell<usize>,
}

impl Shell for Faulty<'_> {
    async fn execute(
        &self,
        command: &Command,
        stdin: impl AsyncRead + Unpin,
        output: &mut impl Output,
    ) -> Result<Exit, ShellError> {
        if !command.argv().any(|word| word.contains("tar --create")) {
            return self.shell.execute(command, stdin, output).await;
        }
        self.commands.set(self.commands.get() + 1);
        match self.fault.get() {
            Some(Fault::Appended) => {
                let mut file = File::options().append(true).open(self.file).unwrap();
                file.write_all(b"one line more\n").unwrap();
                self.fault.set(None);
            }
            Some(Fault::Truncated) => {
                let file = File::options().write(true).open(self.file).unwrap();
                file.set_len(5).unwrap();
                self.fault.set(None);
            }
            _ => {}
        }
        let mut tap = Tap {
            output,
            simulation: self,
            cut: false,
        };
        let exit = self.shell.execute(command, stdin, &mut tap).await;
        if tap.cut {
            return Err(ShellError::Lost {
                address: "the instance".into(),
                reason: "the test says so".into(),
            });
        }
        exit
    }
}

struct Tap<'a, O> {
    output: &'a mut O,
    simulation: &'a Faulty<'a>,
    cut: bool,
}

impl<O: Output> Output for Tap<'_, O> {
    async fn out(&mut self, bytes: Bytes) -> io::Result<()> {
        let before = self.simulation.sent.get();
        let after = before + bytes.len();
        self.simulation.sent.set(after);
        match self.simulation.fault.get() {
            Some(Fault::Cut(at)) if at < after => {
                self.simulation.fault.set(None);
                self.cut = true;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Some(Fault::Damaged(at)) if at < after => {
                self.simulation.fault.set(None);
                let mut damaged = bytes.to_vec();
                damaged[at - before] ^= 1;
                self.output.out(damaged.into()).await
            }
            _ => self.output.out(bytes).await,
        }
    }

    fn err(&mut self, bytes: &[u8]) {
        self.output.err(bytes);
    }
}

/// Bytes that no compression makes fewer.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut bytes = Vec::with_capacity(count);
    while bytes.len() < count {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_be_bytes()[..4]);
    }
    bytes
}

/// Collects one file of this size while something goes wrong; what is here afterwards, and the bytes that were sent.
async fn collected(size: usize, fault: Option<Fault>) -> (Collection, usize) {
    let instance = tempfile::tempdir().unwrap();
    let results = tempfile::tempdir().unwrap();
    let file = instance.path().join("measured");
    fs::write(&file, noise(size)).unwrap();
    let shell = Faulty {
        shell: ProcessShell::in_directory(instance.path()),
        file: &file,
        fault: Cell::new(fault),
        sent: Cell::new(0),
        commands: Cell::new(0),
    };
    let patterns = Pattern::parse("*").unwrap();
    let arrivals = Arrivals::default();
    let collection = collect(&shell, &patterns, results.path(), &arrivals, &Silent).await;
    assert!(collection.error.is_none(), "{:?}", collection.error);
    assert_eq!(collection.collected.files, 1);
    assert_eq!(collection.manifest.files[0].state, FileState::Verified);
    let same = fs::read(results.path().join("measured")).unwrap() == fs::read(&file).unwrap();
    assert!(same, "the copy is another one");
    assert_eq!(fs::read_dir(results.path()).unwrap().count(), 1);
    (collection, shell.sent.get())
}

#[tokio::test]
async fn a_cut_in_the_middle_of_a_large_file_goes_on_where_it_was() {
    let size = 48 * MIB;
    let (_, undisturbed) = collected(size, None).await;
    assert!(undisturbed < size + MIB, "{undisturbed}");
    for at in [MIB / 2, 20 * MIB, 47 * MIB] {
        let (_, sent) = collected(size, Some(Fault::Cut(at))).await;
        // What was under way is sent again, and what the broken compression held back.
        assert!(sent < size + 8 * MIB, "{sent} bytes were sent for {size}");
    }
}

#[tokio::test]
async fn a_byte_that_is_damaged_on_the_way_is_noticed_and_the_file_fetched_again() {
    for size in [40 * MIB, 100_000] {
        let (_, sent) = collected(size, Some(Fault::Damaged(size / 2))).await;
        assert!(sent > size + size / 2, "{sent} bytes were sent for {size}");
    }
}

#[tokio::test]
async fn what_is_added_to_a_file_while_it_is_collected_is_fetched_behind_what_is_here() {
    let size = 40 * MIB;
    let (collection, sent) = collected(size, Some(Fault::Appended)).await;
    assert_eq!(collection.manifest.files[0].size, (size + 14) as u64);
    assert!(sent < size + MIB, "{sent} bytes were sent for {size}");
}

#[tokio::test]
async fn a_large_file_that_becomes_a_small_one_comes_as_it_is() {
    let (collection, _) = collected(40 * MIB, Some(Fault::Truncated)).await;
    assert_eq!(collection.manifest.files[0].size, 5);
}

#[tokio::test]
async fn thousands_of_small_files_take_a_few_commands() {
    let instance = tempfile::tempdir().unwrap();
    let results = tempfile::tempdir().unwrap();
    for number in 0..5000 {
        fs::write(instance.path().join(number.to_string()), "measured").unwrap();
    }
    let shell = Faulty {
        shell: ProcessShell::in_directory(instance.path()),
        file: instance.path(),
        fault: Cell::new(None),
        sent: Cell::new(0),
        commands: Cell::new(0),
    };
    let patterns = Pattern::parse("*").unwrap();
    let arrivals = Arrivals::default();
    let collection = collect(&shell, &patterns, results.path(), &arrivals, &Silent).await;
    assert_eq!(collection.collected.files, 5000);
    let commands = shell.commands.get();
    assert!(commands <= 20, "{commands}");
}
