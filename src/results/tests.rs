//! What is packed, named and indexed.

use super::*;

/// The names in a tar of a directory, read back.
fn packed(directory: &Path) -> Vec<String> {
    let to = tempfile::NamedTempFile::new().unwrap();
    pack(directory, Path::new("root"), to.path()).unwrap();
    let file = flate2::read::GzDecoder::new(File::open(to.path()).unwrap());
    let mut archive = tar::Archive::new(file);
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect()
}

#[test]
fn a_file_that_grows_while_it_is_packed_leaves_the_archive_readable() {
    let directory = tempfile::tempdir().unwrap();
    let growing = directory.path().join("growing");
    fs::write(&growing, vec![1; 8 << 20]).unwrap();
    fs::write(directory.path().join("last"), "x").unwrap();
    let mut writer = File::options().append(true).open(&growing).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                writer.write_all(&[2; 4096]).unwrap();
            }
        });
        let names = packed(directory.path());
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(names, ["root/", "root/growing", "root/last"]);
    });
}

#[test]
fn a_socket_among_the_results_does_not_cost_the_archive() {
    let directory = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("socket")).unwrap();
    fs::write(directory.path().join("file"), "x").unwrap();
    assert_eq!(packed(directory.path()), ["root/", "root/file"]);
}
