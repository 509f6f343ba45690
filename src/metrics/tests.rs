use super::*;

const TEXT: &str = "uptime_s,unix_s,step,cpu.steal_percent,cpu.frequency_mhz,swap.in_bytes_per_s,swap.out_bytes_per_s\n\
    1.0,11.0,,0,3000,0,0\n\
    2.0,12.0,01-setup-a.sh,90,1000,0,0\n\
    3.0,13.0,02-run-a.sh,3,3000,,0\n\
    6.0,16.0,02-run-a.sh,9,3000,0,0\n\
    8.0,18.0,03-run-a.sh,6,2700,0,0\n\
    9.0,19.0,03-ru";

/// The words of the second sample, and whether each voids.
fn said(text: &str, steps: &[(&str, Option<u32>)]) -> Vec<(String, bool)> {
    let steps = steps.iter();
    let steps = steps.map(|(step, turn)| {
        let (turn, arm) = (*turn, None);
        ((*step).to_owned(), Scope { turn, arm })
    });
    told(
        &Measurement {
            steps: steps.collect(),
            ..on_two_cpus()
        },
        text,
    )
}

fn on_two_cpus() -> Measurement {
    Measurement {
        sample: 2,
        cpus: Some(2),
        uninitialized_disks: vec!["nvme0n1".into()],
        ..Measurement::default()
    }
}

fn told(measurement: &Measurement, text: &str) -> Vec<(String, bool)> {
    let said = reservations(measurement, text.as_bytes()).into_iter();
    said.map(|one| (one.reason, one.voids)).collect()
}

/// A row of ten seconds for each share of steal, of a step of its own.
fn stolen(shares: &[u32]) -> String {
    let mut text = "uptime_s,step,cpu.steal_percent\n0,,0\n".to_owned();
    for (place, share) in shares.iter().enumerate() {
        let row = format!("{},{place}-run-a.sh,{share}\n", 10 * (place + 1));
        text.push_str(&row);
    }
    text
}

#[test]
fn only_the_time_of_the_steps_counts_and_each_second_alike() {
    let steps = [("02-run-a.sh", None), ("03-run-a.sh", None)];
    assert_eq!(
        said(TEXT, &steps),
        [
            ("sample 2 lost 7.0 % to steal".to_owned(), true),
            (
                "the CPU frequency of sample 2 drifted by 10.5 %".to_owned(),
                false
            )
        ]
    );
}

#[test]
fn a_quiet_sample_has_no_reservation() {
    assert_eq!(said(TEXT, &[]), []);
    assert_eq!(said("nonsense", &[("02-run-a.sh", Some(1))]), []);
}

#[test]
fn a_little_steal_is_said_and_voids_nothing() {
    let text = stolen(&[2]);
    let reason = "sample 2 lost 2.0 % to steal".to_owned();
    assert_eq!(said(&text, &[("0-run-a.sh", Some(1))]), [(reason, false)]);
}

#[test]
fn turns_that_were_hit_are_named_though_the_whole_was_not() {
    let text = stolen(&[0, 6, 0, 0, 0, 0, 0, 0]);
    let names: Vec<String> = (0..8).map(|place| format!("{place}-run-a.sh")).collect();
    let numbers = (1..).map(Some);
    let steps: Vec<(&str, Option<u32>)> = names.iter().map(String::as_str).zip(numbers).collect();
    let reason = "sample 2 lost 0.8 % to steal, and more than 5.0 % in turn 2".to_owned();
    assert_eq!(said(&text, &steps), [(reason, false)]);
    let text = stolen(&[30, 0, 30, 0, 0, 0, 0, 0]);
    let reason = "sample 2 lost 7.5 % to steal, and more than 5.0 % in turns 1, 3".to_owned();
    assert_eq!(said(&text, &steps), [(reason, true)]);
    let text = stolen(&[9; 8]);
    let reason = "sample 2 lost 9.0 % to steal".to_owned();
    assert_eq!(said(&text, &steps), [(reason, true)]);
}

#[test]
fn what_hits_the_turns_of_one_arm_is_a_reason_of_the_sample() {
    let in_time = |seconds: u32, steal: u32, frequency: u32| {
        let text = format!(
            "uptime_s,step,cpu.steal_percent,cpu.frequency_mhz\n0,,0,0\n{seconds},a,0,1000\n{},b,{steal},{frequency}\n",
            2 * seconds
        );
        let steps = [("a", Arm::Baseline), ("b", Arm::Candidate)].map(|(step, arm)| {
            let (turn, arm) = (None, Some(arm));
            (step.to_owned(), Scope { turn, arm })
        });
        let steps = BTreeMap::from(steps);
        let rows = rows(
            &Measurement {
                steps,
                ..on_two_cpus()
            },
            text.as_bytes(),
        );
        let said = between_arms(2, &rows).into_iter();
        said.map(|one| (one.reason, one.voids)).collect::<Vec<_>>()
    };
    let between = |steal, frequency| in_time(10, steal, frequency);
    assert_eq!(in_time(9, 50, 1000), [], "too little to compare");
    let steal = "in sample 2 the baseline lost 0.0 % to steal, and the candidate";
    assert_eq!(between(1, 1010), []);
    assert_eq!(between(2, 1000), [(format!("{steal} 2.0 %"), false)]);
    assert_eq!(between(6, 1000), [(format!("{steal} 6.0 %"), true)]);
    let frequency = "the CPU frequencies of the two revisions in sample 2 differ by";
    assert_eq!(between(0, 1030), [(format!("{frequency} 3.0 %"), false)]);
    assert_eq!(between(0, 1100), [(format!("{frequency} 9.5 %"), true)]);
}

#[test]
fn programs_outside_of_the_steps_are_said_and_never_void() {
    let beside = |user: [u32; 2]| {
        let [one, other] = user;
        let text = format!(
            "uptime_s,step,cpu.user_percent,step.user_percent\n0,,0,\n5,01-setup-a.sh,100,0\n\
            15,02-run-a.sh,{one},100\n25,,100,\n35,03-run-a.sh,{other},100\n"
        );
        said(&text, &[("02-run-a.sh", Some(1)), ("03-run-a.sh", Some(2))])
    };
    // One of the two CPUs is the step's own.
    assert_eq!(beside([50, 50]), []);
    assert_eq!(beside([49, 52]), [], "ticks are not exact");
    let had =
        |share: &str| format!("in sample 2 programs outside of the steps had {share} of the CPUs");
    assert_eq!(beside([53, 54]), [(had("3.5 %"), false)]);
    let of_one = had("22.5 %") + ", and more than 5.0 % in turn 2";
    assert_eq!(beside([50, 95]), [(of_one, false)]);
    let both = beside([98, 100]);
    assert_eq!(both, [(had("49.0 %"), false)]);
    // A turn of a moment is not told to be a quiet one.
    let text =
        "uptime_s,step,cpu.user_percent,step.user_percent\n0,,0,\n12,a,90,100\n13,b,90,100\n";
    let of_the_long = said(text, &[("a", Some(1)), ("b", Some(2))]);
    assert_eq!(of_the_long, [(had("40.0 %"), false)]);
}

#[test]
fn what_ran_beside_a_step_is_not_known_of_two_at_once_nor_in_a_moment_nor_without_its_group() {
    let text = |seconds: u32, own: &str| {
        format!("uptime_s,step,cpu.user_percent,step.user_percent\n0,,0,\n{seconds},a,90,{own}\n")
    };
    let alone = Measurement {
        steps: BTreeMap::from([("a".to_owned(), Scope::default())]),
        ..on_two_cpus()
    };
    assert_eq!(told(&alone, &text(10, "100")).len(), 1);
    assert_eq!(told(&alone, &text(9, "100")), []);
    assert_eq!(told(&alone, &text(10, "")), []);
    let at_once = Measurement {
        cpus: None,
        ..alone
    };
    assert_eq!(told(&at_once, &text(10, "100")), []);
}

#[test]
fn programs_outside_of_the_steps_of_one_arm_are_a_reason() {
    let text =
        "uptime_s,step,cpu.user_percent,step.user_percent\n0,,0,\n20,a,50,100\n40,b,56,100\n";
    let scope = |arm| Scope {
        turn: None,
        arm: Some(arm),
    };
    let steps = [("a", Arm::Baseline), ("b", Arm::Candidate)];
    let measurement = Measurement {
        steps: steps
            .map(|(step, arm)| (step.to_owned(), scope(arm)))
            .into(),
        ..on_two_cpus()
    };
    assert_eq!(told(&measurement, &text.replace("b,56", "b,54")), []);
    let reason = "in sample 2 programs outside of the steps had 0.0 % of the CPUs in turns of the baseline, and 6.0 % in those of the candidate";
    let all = "in sample 2 programs outside of the steps had 3.0 % of the CPUs";
    let reasons = [all, reason].map(|reason| (reason.to_owned(), false));
    assert_eq!(told(&measurement, text), reasons);
}

#[test]
fn what_measures_by_reading_from_a_volume_that_is_not_initialized_is_said() {
    let text = "uptime_s,step,disk.nvme0n1.read_bytes_per_s,disk.nvme1n1.read_bytes_per_s\n0,,0,0\n\
        10,01-setup-a.sh,100000000,0\n20,02-run-a.sh,4194304,0\n30,03-run-a.sh,0,99999999\n";
    let steps = [("02-run-a.sh", Some(1)), ("03-run-a.sh", Some(2))];
    let reason = "sample 2 read 2048 KiB a second from a volume that is not initialized, and more than 1024 KiB a second in turn 1";
    assert_eq!(said(text, &steps), [(reason.to_owned(), false)]);
    // What the others read was there before.
    assert_eq!(said(text, &steps[1..]), []);
    let initialized = text.replace("nvme0n1", "nvme2n1");
    assert_eq!(said(&initialized, &steps), []);
}
