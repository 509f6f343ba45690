//! The answer of `host.sh`: a line for each fact, a name and its values behind tabs.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use super::{CState, Disk, HostFacts, Network};
use crate::records::Record as _;

const VULNERABILITY: &str = "vulnerability_";

/// The size of what `/sys/block` counts in, in bytes.
const SECTOR: u64 = 512;

/// The answer, a row for each line.
struct Answer<'a>(Vec<Vec<&'a str>>);

impl<'a> Answer<'a> {
    fn new(text: &'a str) -> Self {
        let rows = text
            .lines()
            .map(|line| line.split('\t').map(str::trim).collect());
        Self(rows.collect())
    }

    /// The values of each line with this name.
    fn lines(&self, name: &str) -> impl Iterator<Item = &[&'a str]> {
        self.0.iter().filter_map(move |row| {
            let (first, values) = row.split_first()?;
            (*first == name).then_some(values)
        })
    }

    fn text(&self, name: &str) -> Option<String> {
        text(self.lines(name).next()?, 0)
    }

    fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        number(self.lines(name).next()?, 0)
    }

    /// A count of what there is at least one of.
    fn count(&self, name: &str) -> Option<u32> {
        self.number(name).filter(|count| *count > 0)
    }

    /// An amount as `/proc/meminfo` gives it; its `kB` are 1024 bytes.
    fn bytes(&self, name: &str) -> Option<u64> {
        let amount = self.text(name)?;
        let kilobytes: u64 = amount.strip_suffix("kB")?.trim().parse().ok()?;
        kilobytes.checked_mul(1024)
    }

    fn megahertz(&self, name: &str) -> Option<u32> {
        self.count(name).map(|kilohertz| kilohertz / 1000)
    }

    /// A time in seconds since 1970.
    fn time(&self, name: &str) -> Option<Timestamp> {
        let since = SignedDuration::try_from_secs_f64(self.number(name)?).ok()?;
        Timestamp::from_duration(since).ok()
    }
}

fn text(values: &[&str], index: usize) -> Option<String> {
    let value = values.get(index)?;
    (!value.is_empty()).then(|| (*value).to_owned())
}

fn number<T: FromStr>(values: &[&str], index: usize) -> Option<T> {
    values.get(index)?.parse().ok()
}

fn switch(values: &[&str], index: usize) -> Option<bool> {
    match *values.get(index)? {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// The word that the kernel marks as the chosen one, as in `always [madvise] never`; the text itself where it marks none.
pub(super) fn chosen(text: &str) -> &str {
    let marked = text.split_once('[').and_then(|(_, rest)| {
        let (word, _) = rest.split_once(']')?;
        Some(word)
    });
    marked.unwrap_or(text)
}

/// The first three numbers of `/proc/loadavg`.
fn loads(text: &str) -> Option<[f64; 3]> {
    let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
    let mut next = || {
        numbers
            .next()
            .flatten()
            .filter(|load: &f64| load.is_finite())
    };
    Some([next()?, next()?, next()?])
}

impl HostFacts {
    /// The facts in the answer of `host.sh`.
    pub fn from_answer(answer: &str) -> Self {
        let answer = Answer::new(answer);
        let vulnerabilities = answer.0.iter().filter_map(|row| {
            let [name, state, ..] = row.as_slice() else {
                return None;
            };
            let name = name.strip_prefix(VULNERABILITY)?;
            Some((name.to_owned(), (*state).to_owned()))
        });
        let mut facts = Self {
            format: Self::FORMAT,
            architecture: answer.text("architecture"),
            kernel: answer.text("kernel"),
            kernel_command_line: answer.text("kernel_command_line"),
            operating_system: answer.text("operating_system"),
            libc: answer.text("libc"),
            machine: answer.text("machine"),
            cpu_model: answer.text("cpu_model"),
            cpu_microcode: answer.text("cpu_microcode"),
            cpu_count: answer.count("cpu_count"),
            cpu_cores: answer.count("cpu_cores"),
            smt: answer.text("smt"),
            cpu_governor: answer.text("cpu_governor"),
            cpu_driver: answer.text("cpu_driver"),
            cpu_min_mhz: answer.megahertz("cpu_min_khz"),
            cpu_max_mhz: answer.megahertz("cpu_max_khz"),
            turbo: answer.text("turbo").map(|turbo| turbo == "on"),
            c_states: answer.lines("c_state").filter_map(c_state).collect(),
            numa_nodes: answer.count("numa_nodes"),
            clock_source: answer.text("clock_source"),
            transparent_huge_pages: answer
                .text("transparent_huge_pages")
                .map(|text| chosen(&text).to_owned()),
            huge_pages: answer.number("huge_pages"),
            huge_page_bytes: answer.bytes("huge_page"),
            address_space_randomization: answer.number("address_space_randomization"),
            memory_bytes: answer.bytes("memory"),
            swap_bytes: answer.bytes("swap"),
            load_average: answer
                .text("load_average")
                .and_then(|averages| loads(&averages)),
            vulnerabilities: vulnerabilities.collect(),
            disks: answer.lines("disk").filter_map(disk).collect(),
            networks: answer.lines("network").filter_map(network).collect(),
            ..Self::default()
        };
        facts.boot.pending = answer.number("pending");
        facts.boot.kernel_started = answer.time("kernel_started");
        facts.boot.cloud_init_done = answer.time("cloud_init_done");
        facts
    }
}

fn c_state(values: &[&str]) -> Option<CState> {
    Some(CState {
        name: text(values, 0)?,
        exit_latency_us: number(values, 1),
        disabled: switch(values, 2),
    })
}

fn disk(values: &[&str]) -> Option<Disk> {
    Some(Disk {
        name: text(values, 0)?,
        bytes: number::<u64>(values, 1).and_then(|sectors| sectors.checked_mul(SECTOR)),
        rotational: switch(values, 2),
        scheduler: text(values, 3).map(|text| chosen(&text).to_owned()),
        model: text(values, 4),
        volume: text(values, 5).and_then(|serial| volume_id(&serial)),
    })
}

/// The id of a volume of EBS, whose serial number it is without the hyphen.
fn volume_id(serial: &str) -> Option<String> {
    let digits = serial.strip_prefix("vol")?;
    Some(format!("vol-{}", digits.trim_start_matches('-')))
}

fn network(values: &[&str]) -> Option<Network> {
    Some(Network {
        name: text(values, 0)?,
        driver: text(values, 1),
        mtu_bytes: number(values, 2),
        // The kernel says -1 of a device that has no speed.
        speed_mbit_per_s: number(values, 3),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers() {
        let facts = HostFacts::from_answer(
            "cpu_count\t8\ncpu_cores\t4\nmemory\t16384 kB\nswap\t0 kB\nload_average\t0.10 0.20 1.5 1/234 567\n\
             kernel\t6.8.0\nsmt\t\nvulnerability_meltdown\tNot affected\nunknown\tx\nno tab\ncpu_max_khz\t3500000\n\
             turbo\toff\ntransparent_huge_pages\talways [madvise] never\nhuge_page\t2048 kB\nhuge_pages\t0\n",
        );
        assert_eq!((facts.cpu_count, facts.cpu_cores), (Some(8), Some(4)));
        assert_eq!(facts.memory_bytes, Some(16_777_216));
        assert_eq!(facts.swap_bytes, Some(0));
        assert_eq!(facts.load_average, Some([0.1, 0.2, 1.5]));
        assert_eq!(facts.kernel.as_deref(), Some("6.8.0"));
        assert_eq!(facts.smt, None);
        assert_eq!(facts.vulnerabilities["meltdown"], "Not affected");
        assert_eq!((facts.cpu_min_mhz, facts.cpu_max_mhz), (None, Some(3500)));
        assert_eq!(facts.turbo, Some(false));
        assert_eq!(facts.transparent_huge_pages.as_deref(), Some("madvise"));
        assert_eq!(
            (facts.huge_pages, facts.huge_page_bytes),
            (Some(0), Some(2 << 20))
        );
    }

    #[test]
    fn there_may_be_several_of_a_device() {
        let facts = HostFacts::from_answer(
            "c_state\tPOLL\t0\t0\nc_state\tC1\t2\t1\nc_state\t\t2\t1\n\
             disk\tnvme0n1\t16777216\t0\t[none] mq-deadline\tAmazon Elastic Block Store   \tvol0123456789abcdef0\n\
             disk\tvda\t\t1\t\t\tAWS1234\nnetwork\tens5\tena\t9001\t-1\n",
        );
        let states: Vec<_> = facts
            .c_states
            .iter()
            .map(|state| (state.name.as_str(), state.exit_latency_us, state.disabled))
            .collect();
        assert_eq!(
            states,
            [("POLL", Some(0), Some(false)), ("C1", Some(2), Some(true))]
        );
        assert_eq!(
            facts.disks[0],
            Disk {
                name: "nvme0n1".into(),
                model: Some("Amazon Elastic Block Store".into()),
                bytes: Some(8 << 30),
                rotational: Some(false),
                scheduler: Some("none".into()),
                volume: Some("vol-0123456789abcdef0".into()),
            }
        );
        let other = &facts.disks[1];
        assert_eq!(
            (other.bytes, &other.model, &other.volume),
            (None, &None, &None)
        );
        assert_eq!(
            facts.networks,
            [Network {
                name: "ens5".into(),
                driver: Some("ena".into()),
                mtu_bytes: Some(9001),
                speed_mbit_per_s: None,
            }]
        );
    }

    #[test]
    fn times_of_the_boot_are_times() {
        let facts = HostFacts::from_answer(
            "pending\t2026-11-22T19:56:06Z\nkernel_started\t1795377372\ncloud_init_done\t1795377380.25\n",
        );
        let times = [
            facts.boot.pending,
            facts.boot.kernel_started,
            facts.boot.cloud_init_done,
        ];
        assert_eq!(
            times.map(|time| time.unwrap().to_string()),
            [
                "2026-11-22T19:56:06Z",
                "2026-11-22T19:56:12Z",
                "2026-11-22T19:56:20.25Z"
            ]
        );
    }

    #[test]
    fn what_is_no_number_is_absent() {
        let facts = HostFacts::from_answer(
            "cpu_count\tmany\ncpu_cores\t0\nmemory\t12 GB\nload_average\t1 2\nkernel_started\tnan\npending\tsoon\n",
        );
        assert_eq!(facts, HostFacts::from_answer(""));
    }
}
