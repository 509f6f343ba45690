//! Figures in files that the programs themselves write in this run.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use collector::figures::{Direction, File, Flaw, Format, Options, Reading, join, read_files};
use tempfile::TempDir;

use crate::command::skip;

/// The directory that `tests/benchmarks/setup` installs into.
fn cache() -> PathBuf {
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/benchmarks/setup");
    let directory = Command::new(setup).arg("--where").output().unwrap();
    PathBuf::from(String::from_utf8(directory.stdout).unwrap().trim())
}

/// A program on the path; `None` where it is not installed and need not be.
#[track_caller]
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        skip(&format!(
            "{name} is missing: tests/benchmarks/setup installs it"
        ));
    }
    found
}

/// A directory in which a program is run.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// One with a package of Go that is `speed`.
    fn with_go(source: &str) -> Self {
        let bench = Self::new();
        bench.write("go.mod", "module example.org/speed\n\ngo 1.19\n");
        bench.write("speed_test.go", source);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Runs a program to its end, however that is.
    fn output(&self, program: &Path, args: &[&str]) -> Output {
        let mut command = Command::new(program);
        let command = command.args(args).current_dir(self.0.path());
        command.env("HOME", self.0.path()).output().unwrap()
    }

    /// Runs a program to its end, and returns what it prints.
    #[track_caller]
    fn run(&self, program: &Path, args: &[&str]) -> String {
        let output = self.output(program, args);
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {stdout}{stderr}");
        stdout
    }

    /// Reads a file, which is recognised.
    #[track_caller]
    fn read(&self, name: &str, format: Format) -> (BTreeMap<String, Reading>, Vec<Flaw>) {
        let bytes = fs::read(self.path(name)).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert_eq!(Format::recognise(name, &text), Some(format), "{text}");
        let file = File {
            path: Path::new(name),
            bytes: &bytes,
        };
        let (readings, flaws) = join(read_files(&Options::default(), &[file]));
        let named = readings.into_iter().map(|reading| {
            assert!(
                reading
                    .values
                    .iter()
                    .all(|value| value.is_finite() && *value >= 0.0)
            );
            (reading.name.clone(), reading)
        });
        (named.collect(), flaws)
    }

    /// Reads a file that has no flaw.
    #[track_caller]
    fn read_whole(&self, name: &str, format: Format) -> BTreeMap<String, Reading> {
        let (readings, flaws) = self.read(name, format);
        assert_eq!(flaws, [], "{readings:#?}");
        readings
    }
}

/// A server that knows one page; it goes with the test.
struct Server {
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || answer(stream));
            }
        });
        Self { address }
    }
}

/// Answers the requests of a connection, one after the other.
fn answer(mut stream: TcpStream) {
    let mut requests = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    let mut line = String::new();
    while requests.read_line(&mut line).is_ok_and(|read| read > 0) {
        if first.is_empty() {
            first.clone_from(&line);
        }
        if line.trim().is_empty() {
            let status = if first.starts_with("GET / ") {
                "200 OK"
            } else {
                "404 Not Found"
            };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\nhello\n");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
            first.clear();
        }
        line.clear();
    }
}

/// Times in seconds, as many as there should be, within bounds.
#[track_caller]
fn assert_times(reading: &Reading, count: usize, least: f64, most: f64) {
    assert_eq!(reading.unit, "s");
    assert_eq!(reading.better, Some(Direction::Less));
    assert_eq!(reading.values.len(), count, "{reading:?}");
    let within = |value: &f64| (least..most).contains(value);
    assert!(reading.values.iter().all(within), "{reading:?}");
}

#[track_caller]
fn assert_rate(reading: &Reading, unit: &str) {
    assert_eq!(reading.unit, unit);
    assert_eq!(reading.better, Some(Direction::More));
    assert!(
        reading.values.iter().all(|value| *value > 1.0),
        "{reading:?}"
    );
}

#[test]
fn hyperfine_has_the_time_of_every_run() {
    let Some(hyperfine) = program("hyperfine") else {
        return;
    };
    let bench = Bench::new();
    let args = [
        "--runs=3",
        "--shell=none",
        "--export-json=x.json",
        "--parameter-list",
        "time",
        "0.02,0.04",
    ];
    bench.run(&hyperfine, &[&args[..], &["sleep {time}"]].concat());
    let read = bench.read_whole("x.json", Format::Hyperfine);
    assert_times(&read["sleep 0.02"], 3, 0.02, 5.0);
    assert_times(&read["sleep 0.04"], 3, 0.04, 5.0);
}

#[test]
fn hyperfine_has_no_times_of_a_command_that_fails() {
    let Some(hyperfine) = program("hyperfine") else {
        return;
    };
    let bench = Bench::new();
    let args = [
        "--runs=2",
        "--ignore-failure",
        "--export-json=x.json",
        "false",
        "true",
    ];
    bench.run(&hyperfine, &args);
    let (read, flaws) = bench.read("x.json", Format::Hyperfine);
    assert_eq!(read.keys().collect::<Vec<_>>(), ["true"]);
    let [flaw] = &flaws[..] else {
        panic!("{flaws:?}")
    };
    assert!(
        flaw.to_string()
            .contains("$.results[0].exit_codes[0]: `false` ended with status 1"),
        "{flaw}"
    );
}

#[test]
fn google_benchmark_has_repetitions_counters_and_errors() {
    let Some(compiler) = program("g++") else {
        return;
    };
    if !Path::new("/usr/include/benchmark/benchmark.h").exists() {
        skip("Google Benchmark is missing: tests/benchmarks/setup installs it");
        return;
    }
    let bench = Bench::new();
    bench.write(
        "bench.cc",
        r#"#include <benchmark/benchmark.h>
#include <cmath>
static void Loop(benchmark::State& state) {
  for (auto _ : state) for (int i = 0; i < state.range(0); i++) benchmark::DoNotOptimize(i);
  state.counters["width"] = state.range(0);
  state.counters["lost"] = std::nan("");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Loop)->Arg(8)->Arg(64);
static void Broken(benchmark::State& state) {
  for (auto _ : state) { state.SkipWithError("no device"); break; }
}
BENCHMARK(Broken);
BENCHMARK_MAIN();
"#,
    );
    bench.run(
        &compiler,
        &["-O1", "bench.cc", "-o", "bench", "-lbenchmark", "-lpthread"],
    );
    let args = [
        "--benchmark_repetitions=3",
        "--benchmark_min_time=0.01",
        "--benchmark_out=x.json",
    ];
    bench.run(&bench.path("bench"), &args);
    let (read, flaws) = bench.read("x.json", Format::GoogleBenchmark);
    assert_times(&read["Loop/8"], 3, 1e-10, 1e-3);
    assert_times(&read["Loop/64"], 3, 1e-10, 1e-3);
    assert_rate(&read["Loop/8 items_per_second"], "/s");
    assert_eq!(read["Loop/64 width"].values, [64.0; 3]);
    assert_eq!(read.len(), 6, "{read:?}");
    let flaws: Vec<String> = flaws.iter().map(ToString::to_string).collect();
    let of = |what: &str| flaws.iter().filter(|flaw| flaw.contains(what)).count();
    assert_eq!(of(".lost: is not a finite number"), 6, "{flaws:#?}");
    assert_eq!(of("`Broken` was not measured: no device"), 3, "{flaws:#?}");
}

#[test]
fn google_benchmark_may_have_written_aggregates_only() {
    let Some(compiler) = program("g++") else {
        return;
    };
    if !Path::new("/usr/include/benchmark/benchmark.h").exists() {
        skip("Google Benchmark is missing: tests/benchmarks/setup installs it");
        return;
    }
    let bench = Bench::new();
    bench.write(
        "bench.cc",
        "#include <benchmark/benchmark.h>\nstatic void Loop(benchmark::State& state) { for (auto _ : state) benchmark::ClobberMemory(); }\nBENCHMARK(Loop)->Unit(benchmark::kMicrosecond);\nBENCHMARK_MAIN();\n",
    );
    bench.run(
        &compiler,
        &["-O1", "bench.cc", "-o", "bench", "-lbenchmark", "-lpthread"],
    );
    let args = [
        "--benchmark_repetitions=3",
        "--benchmark_min_time=0.01",
        "--benchmark_report_aggregates_only=true",
        "--benchmark_out=x.json",
    ];
    bench.run(&bench.path("bench"), &args);
    let read = bench.read_whole("x.json", Format::GoogleBenchmark);
    assert_times(&read["Loop"], 1, 1e-12, 1e-3);
    assert_eq!(read.len(), 1);
}

#[test]
fn pytest_benchmark_has_rounds_or_their_median() {
    let pytest = cache().join("venv/bin/pytest");
    if !pytest.exists() {
        skip("pytest-benchmark is missing: tests/benchmarks/setup installs it");
        return;
    }
    let bench = Bench::new();
    bench.write(
        "test_sum.py",
        "import pytest\n\n@pytest.mark.parametrize('n', [10, 1000])\ndef test_sum(benchmark, n):\n    benchmark.pedantic(sum, args=(range(n),), rounds=7)\n",
    );
    bench.run(
        &pytest,
        &["--quiet", "--benchmark-json=x.json", "test_sum.py"],
    );
    let read = bench.read_whole("x.json", Format::PytestBenchmark);
    assert_times(&read["test_sum.py::test_sum[10]"], 7, 1e-9, 1.0);
    assert_times(&read["test_sum.py::test_sum[1000]"], 7, 1e-9, 1.0);
}

#[test]
fn openmetrics_has_gauges_and_counters() {
    let python = cache().join("venv/bin/python");
    if !python.exists() {
        skip("prometheus-client is missing: tests/benchmarks/setup installs it");
        return;
    }
    let bench = Bench::new();
    bench.write(
        "write.py",
        r#"from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary
from prometheus_client.openmetrics.exposition import generate_latest

registry = CollectorRegistry()
gauge = Gauge("start", "How long it takes.", ["kind"], unit="seconds", registry=registry)
gauge.labels('cold "} \\').set(0.25)
gauge.labels("warm").set(float("nan"))
Counter("read_bytes", "What was read.", registry=registry).inc(4096)
Histogram("wait", "Waits.", registry=registry).observe(1)
Summary("size", "Sizes.", registry=registry).observe(1)
Info("build", "Built.", registry=registry).info({"version": "1"})
open("x.txt", "wb").write(generate_latest(registry))
"#,
    );
    bench.run(&python, &["write.py"]);
    let (read, flaws) = bench.read("x.txt", Format::OpenMetrics);
    let [flaw] = &flaws[..] else {
        panic!("{flaws:?}")
    };
    assert!(
        flaw.reason
            .contains(r#"`start_seconds{kind="warm"}` has a value that is not"#),
        "{flaw}"
    );
    assert_times(&read[r#"start_seconds{kind="cold \"} \\"}"#], 1, 0.25, 0.26);
    assert_eq!(read["read_bytes_total"].values, [4096.0]);
    assert_eq!(read["read_bytes_total"].unit, "B");
    assert_eq!(read.len(), 2, "{read:?}");
}

#[test]
fn go_has_every_measure_of_every_line() {
    let Some(go) = program("go") else { return };
    let bench = Bench::with_go(
        r#"package speed

import (
	"strings"
	"testing"
)

func BenchmarkRepeat(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(8)
	for i := 0; i < b.N; i++ {
		_ = strings.Repeat("x", 8)
	}
	b.ReportMetric(12.5, "p99-ns")
}

func BenchmarkSize(b *testing.B) {
	for _, size := range []string{"size=8", "size=64"} {
		b.Run(size, func(b *testing.B) {})
	}
}

func BenchmarkBroken(b *testing.B) { b.Fatal("no device") }
"#,
    );
    let args = [
        "test",
        "-cpu=2",
        "-bench=Repeat|Size",
        "-benchtime=100x",
        "-count=2",
    ];
    bench.write("x.txt", &bench.run(&go, &args));
    let read = bench.read_whole("x.txt", Format::Go);
    let name = "example.org/speed.BenchmarkRepeat-2";
    assert_times(&read[name], 2, 1e-10, 1e-3);
    assert_rate(&read[&format!("{name} MB/s")], "MB/s");
    assert_eq!(read[&format!("{name} allocs/op")].values, [1.0, 1.0]);
    assert_eq!(read[&format!("{name} B/op")].better, Some(Direction::Less));
    assert_times(&read[&format!("{name} p99")], 2, 1.2e-8, 1.3e-8);
    for size in ["size=8", "size=64"] {
        assert_eq!(
            read[&format!("example.org/speed.BenchmarkSize/{size}-2")]
                .values
                .len(),
            2
        );
    }
    let args = ["test", "-cpu=2", "-bench=.", "-benchtime=10x"];
    fs::write(bench.path("y.txt"), bench.output(&go, &args).stdout).unwrap();
    let (_, flaws) = bench.read("y.txt", Format::Go);
    let [flaw] = &flaws[..] else {
        panic!("{flaws:?}")
    };
    assert!(flaw.reason.contains("BenchmarkBroken"), "{flaw}");
}

#[test]
fn go_has_the_results_of_benchmarks_that_print_where_they_are_certain() {
    let Some(go) = program("go") else { return };
    let bench = Bench::with_go(
        r#"package speed

import (
	"fmt"
	"testing"
)

func loop(b *testing.B) {
	for i := 0; i < b.N; i++ {
		_ = fmt.Sprint(i)
	}
}

func BenchmarkWords(b *testing.B)   { fmt.Println("begin"); loop(b) }
func BenchmarkRows(b *testing.B)    { fmt.Println("3 2 rows"); loop(b) }
func BenchmarkUnended(b *testing.B) { fmt.Print("begin"); loop(b) }
func BenchmarkPlain(b *testing.B)   { b.Log("begin"); loop(b) }

func BenchmarkLate(b *testing.B) {
	if b.N > 1 {
		b.Fatal("no device")
	}
}

// In the goroutine of the benchmark, Go may end with PASS before it prints the panic.
func BenchmarkPanics(b *testing.B) {
	if b.N > 1 {
		go panic("no device")
		select {}
	}
}
"#,
    );
    let args = ["test", "-cpu=2", "-bench=.", "-benchtime=100x"];
    fs::write(bench.path("x.txt"), bench.output(&go, &args).stdout).unwrap();
    let (read, flaws) = bench.read("x.txt", Format::Go);
    let names: Vec<&str> = read.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "example.org/speed.BenchmarkPlain-2",
            "example.org/speed.BenchmarkWords-2"
        ]
    );
    for reading in read.values() {
        assert_times(reading, 1, 1e-10, 1e-3);
    }
    let reasons: Vec<&str> = flaws.iter().map(|flaw| flaw.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "`BenchmarkRows-2` printed what may be a result too, so it is left out",
            "something was printed in front of a result, so it is left out",
            "BenchmarkLate-2 failed",
            "the benchmarks crashed: panic: no device",
        ]
    );
}

#[test]
fn fio_has_the_directions_in_which_it_did_something() {
    let Some(fio) = program("fio") else { return };
    let bench = Bench::new();
    let args = [
        "--name=job",
        "--filename=x.bin",
        "--size=1m",
        "--rw=randread",
        "--numjobs=2",
        "--output-format=json",
        "--output=x.json",
    ];
    bench.run(&fio, &args);
    let read = bench.read_whole("x.json", Format::Fio);
    for job in ["job #1 read", "job #2 read"] {
        assert_rate(&read[&format!("{job} iops")], "/s");
        assert_rate(&read[&format!("{job} bandwidth")], "B/s");
        assert_times(&read[&format!("{job} latency")], 1, 1e-9, 10.0);
        assert_times(&read[&format!("{job} latency p99")], 1, 1e-9, 10.0);
    }
    assert_eq!(read.len(), 8, "{read:?}");
    let unmeasured = ["--disable_lat=1", "--disable_clat=1", "--disable_slat=1"];
    bench.run(&fio, &[&args[..], &unmeasured].concat());
    let read = bench.read_whole("x.json", Format::Fio);
    assert!(
        read.keys().all(|name| !name.contains("latency")),
        "{read:?}"
    );
}

#[test]
fn sysbench_has_rates_and_latencies() {
    let Some(sysbench) = program("sysbench") else {
        return;
    };
    let bench = Bench::new();
    bench.write(
        "x.txt",
        &bench.run(&sysbench, &["cpu", "--time=1", "run"]).repeat(2),
    );
    let read = bench.read_whole("x.txt", Format::Sysbench);
    assert_rate(&read["events"], "/s");
    assert_times(&read["latency"], 2, 1e-6, 1.0);
    assert_times(&read["latency 95th percentile"], 2, 1e-6, 1.0);
    let memory = bench.run(&sysbench, &["memory", "--memory-total-size=64M", "run"]);
    bench.write("y.txt", &memory);
    let (read, _) = bench.read("y.txt", Format::Sysbench);
    assert_rate(&read["operations"], "/s");
    assert_rate(&read["transfer"], "MiB/s");
    let files = [
        "fileio",
        "--file-total-size=1M",
        "--file-num=2",
        "--file-test-mode=seqwr",
    ];
    bench.run(&sysbench, &[&files[..], &["prepare"]].concat());
    bench.write(
        "z.txt",
        &bench.run(&sysbench, &[&files[..], &["--time=1", "run"]].concat()),
    );
    let (read, _) = bench.read("z.txt", Format::Sysbench);
    assert_rate(&read["writes"], "/s");
    assert!(!read.contains_key("reads"), "{read:?}");
}

#[test]
fn wrk_has_rates_and_latencies_unless_requests_fail() {
    let Some(wrk) = program("wrk") else { return };
    let bench = Bench::new();
    let server = Server::start();
    let address = format!("http://{}/", server.address);
    let args = [
        "--threads=1",
        "--connections=2",
        "--duration=1s",
        "--latency",
    ];
    bench.write(
        "x.txt",
        &bench.run(&wrk, &[&args[..], &[&address]].concat()),
    );
    let read = bench.read_whole("x.txt", Format::Wrk);
    assert_rate(&read["requests"], "/s");
    assert_rate(&read["transfer"], "B/s");
    for name in [
        "latency",
        "latency p50",
        "latency p75",
        "latency p90",
        "latency p99",
    ] {
        assert_times(&read[name], 1, 1e-6, 5.0);
    }
    let missing = format!("{address}missing");
    bench.write(
        "y.txt",
        &bench.run(&wrk, &[&args[..], &[&missing]].concat()),
    );
    let (read, flaws) = bench.read("y.txt", Format::Wrk);
    assert!(read.is_empty(), "{read:?}");
    assert!(
        flaws[0].reason.contains("Non-2xx or 3xx responses"),
        "{flaws:?}"
    );
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", silent.local_addr().unwrap());
    bench.write(
        "z.txt",
        &bench.run(&wrk, &[&args[..], &[&address]].concat()),
    );
    let (read, flaws) = bench.read("z.txt", Format::Wrk);
    assert!(read.is_empty(), "{read:?}");
    assert!(
        flaws[0].reason.contains("no request was answered"),
        "{flaws:?}"
    );
}
