mod every_key;
mod uncompared;

use super::*;
use proptest::prelude::*;

use crate::step::Location;

const SEED: &str = include_str!("../../examples/seed/config.yml");

#[expect(clippy::unnecessary_wraps, reason = "the type that the parser takes")]
fn flawless(_: Named<'_>) -> Result<(), Vec<(String, String)>> {
    Ok(())
}

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(
        Source {
            path: Path::new("config.yml"),
            text,
            local: false,
        },
        &flawless,
    )
}

/// Messages with their places, as `line:column message`.
fn problems(text: &str) -> Vec<String> {
    parse(text)
        .unwrap_err()
        .problems()
        .iter()
        .map(|problem| {
            assert!(!problem.remedy.is_empty());
            let At { line, column } = problem.at;
            format!("{line}:{column} {}", problem.message)
        })
        .collect()
}

/// A valid `main` with further lines, and a step.
fn main_with(lines: &str) -> String {
    format!(
        "main:\n  output: out\n  performance_results: /tmp/*\n  ec2_instance_size: m1.small\n  ami: ami-1\n  security_group: g\n{lines}before_collect: [pack.sh]\n"
    )
}

#[test]
fn the_seed_example_is_read_verbatim() {
    let config = parse(SEED).unwrap();
    assert_eq!(config.output, "~/performance_info/");
    assert_eq!(config.performance_results[0].as_str(), "/tmp/*.cpu");
    let ProviderSpec::Ec2(ec2) = &config.provider else {
        panic!("not on EC2")
    };
    assert_eq!(ec2.instance_type, "m1.small");
    assert_eq!(ec2.security_group.as_deref(), Some("collector"));
    assert_eq!(ec2.keypair.as_deref(), Some("collector"));
    assert_eq!(ec2.image, "ami-709ba735");
    assert_eq!(ec2.user, "ubuntu");

    let steps: Vec<_> = config
        .steps()
        .map(|(phase, step)| (phase.key(), step.script.as_str(), step.location))
        .collect();
    assert_eq!(
        steps,
        [
            ("before_aws_start", "before_aws_start.sh", Location::Local),
            ("after_aws_start", "after_aws_start.pl", Location::Remote),
            (
                "after_aws_start",
                "local_after_aws_start.py",
                Location::Local
            ),
            ("setup", "install_w3af.rb", Location::Remote),
            ("run", "run_w3af.py", Location::Remote),
            ("before_collect", "compress_results.py", Location::Remote),
            ("after_collect", "send_info_to_s3.py", Location::Remote),
            ("after_collect", "remove_tmp.py", Location::Remote),
            (
                "before_aws_terminate",
                "collect_cloudwatch_info.py",
                Location::Local
            ),
            (
                "before_aws_terminate",
                "some_other_command.py",
                Location::Remote
            ),
        ]
    );
    let run = &config.phases[&Phase::Run][0];
    assert_eq!(run.timeout, Some(Duration::from_hours(1)));
}

#[test]
fn options_come_as_a_list_of_maps_or_as_one_map() {
    let as_list = parse(&main_with(
        "run:\n  - a.sh:\n    - timeout: 90s\n    - warn_only: true\n    - args: [1, two]\n    - env: {A: b}\n",
    ));
    let as_map = parse(&main_with(
        "run:\n  - a.sh: {timeout: 90s, warn_only: true, args: [1, two], env: {A: b}}\n",
    ));
    let step = &as_list.as_ref().unwrap().phases[&Phase::Run][0];
    assert_eq!(step.timeout, Some(Duration::from_secs(90)));
    assert_eq!(step.args, ["1", "two"]);
    assert_eq!(step.env, [("A".to_owned(), "b".to_owned())]);
    assert_eq!(as_list, as_map);
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let text = "\
main:
  output: out
  performance_result: /tmp/*
  ec2_instance_size: 7
  ami: debian
  spot: true
  output: again
  security_group: sg-1
setup:
  - ../escape.sh
  - ok.sh:
      timout: 5
      timeout: 0
run: script.sh
collekt:
";
    assert_eq!(
        problems(text),
        [
            "3:3 unknown key `performance_result` in `main`",
            "4:22 `ec2_instance_size` is a number, a text is expected",
            "5:8 \"debian\" is not an image",
            "6:9 `spot` in `main` is not supported by this version of collector",
            "7:3 `output` is given twice",
            "10:5 the script path \"../escape.sh\" leaves the config file's directory with `..`",
            "12:7 unknown key `timout` in the options of `ok.sh`",
            "13:16 `timeout` must be longer than zero",
            "14:6 `run` is a text, a list of scripts is expected",
            "15:1 unknown key `collekt` in the file",
        ]
    );
}

#[test]
fn the_report_shows_the_line_and_the_nearest_key() {
    let report = parse(&main_with("  keypare: x\n")).unwrap_err().to_string();
    assert_eq!(
        report,
        "config.yml:7:3: unknown key `keypare` in `main`\n  7 |   keypare: x\n    |   ^\n  hint: did you mean `keypair`?\n1 problem in config.yml"
    );
}

#[test]
fn what_has_no_unit_or_the_wrong_form_is_told_the_right_one() {
    let hints = |text: &str| {
        let errors = parse(text).unwrap_err().to_string();
        let lines = errors.lines().map(str::trim);
        let hints = lines.filter_map(|line| line.strip_prefix("hint: "));
        hints.map(str::to_owned).collect::<Vec<_>>()
    };
    for (main, hint) in [
        ("precision: 5", "write `precision: 5%`"),
        ("precision: '2.5'", "write `precision: 2.5%`"),
        (
            "fail_on: {slower: 0.05}",
            "write `slower: 0.05%`, or `5%` for that share",
        ),
        ("fail_on: 3%", "write `fail_on: {slower: 3%}`"),
        ("fail_on: 0.05", "write `fail_on: {slower: 5%}`"),
        ("metrics: 1", "write `metrics: 1s`, or `1m` for minutes"),
        ("metrics: '2'", "write `metrics: 2s`, or `2m` for minutes"),
    ] {
        assert_eq!(hints(&main_with(&format!("  {main}\n"))), [hint], "{main}");
    }
    assert!(
        hints(&format!("{}rn: [a.sh]\n", main_with("")))
            .contains(&"did you mean `run`?".to_owned())
    );
}

#[test]
fn each_planned_key_is_refused_by_name() {
    for key in MAIN_KEYS.iter().filter(|key| !key.is_supported()) {
        let name = key.name;
        let found = problems(&main_with(&format!("  {name}: 1\n")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains(&format!("`{name}` in `main`")),
            "{found:?}"
        );
    }
}

#[test]
fn a_misspelt_key_does_not_hide_the_problems_below_it() {
    let text = "\
mian: {output: 7, performance_results: x, provider: local}
setpu:
  - ../a.sh
runn:
  - b.sh:
      - timeout: 0
run_later: [c.sh]
";
    assert_eq!(
        problems(text),
        [
            "1:1 unknown key `mian` in the file",
            "1:16 `output` is a number, a text is expected",
            "2:1 unknown key `setpu` in the file",
            "3:5 the script path \"../a.sh\" leaves the config file's directory with `..`",
            "4:1 unknown key `runn` in the file",
            "6:18 `timeout` must be longer than zero",
            "7:1 unknown key `run_later` in the file",
        ]
    );
}

#[test]
fn a_rehearsal_needs_no_image() {
    let text = "main: {output: o, performance_results: x}\nrun: [a.sh]\n";
    assert_eq!(problems(text).len(), 2);
    let nothing = text.replace("results: x", "results: []");
    assert_eq!(problems(&nothing).len(), 3);
    let config = Config::parse(
        Source {
            path: Path::new("config.yml"),
            text,
            local: true,
        },
        &flawless,
    );
    assert_eq!(config.unwrap().provider, ProviderSpec::Local);
    let chosen = parse("main: {output: o, performance_results: x, provider: local}\nrun: [a.sh]\n");
    assert_eq!(chosen.unwrap().provider, ProviderSpec::Local);
}

#[test]
fn timeouts_that_the_instance_does_not_live_to_see_are_refused() {
    let found = |main: &str, phases: &str| problems(&(main_with(main) + phases));
    let alone = "run:\n  - a.sh: {timeout: 6h}\n";
    assert_eq!(
        found("", alone),
        [
            "9:21 the time-outs of the steps are 6h00m in all, but of `max_lifetime` (6h00m) steps have 5h50m, the rest is for collecting"
        ]
    );
    let together = "setup:\n  - a.sh: {timeout: 3h}\nrun:\n  - b.sh: {timeout: 3h}\n";
    assert_eq!(found("", together).len(), 1);
    assert!(found("", together)[0].starts_with("11:21 "));
    // What runs before the launch is not the instance's time.
    let before = together.replace("setup", "before_aws_start");
    assert!(parse(&(main_with("") + &before)).is_ok());
    // A life that cannot be read is one problem.
    assert_eq!(found("  max_lifetime: 6x\n", alone).len(), 1);
    // What the remedy says is enough.
    for timeout in ["10s", "59s", "3m", "80m", "6h", "29d"] {
        let phases = format!("run:\n  - a.sh: {{timeout: {timeout}}}\n");
        let text = main_with("  max_lifetime: 10s\n") + &phases;
        let remedy = parse(&text).unwrap_err().problems()[0].remedy.clone();
        let (_, after) = remedy.split_once("`main.max_lifetime` to ").unwrap();
        let lifetime = after.split(' ').next().unwrap();
        assert!(
            parse(&text.replace("10s\nbefore", &format!("{lifetime}\nbefore"))).is_ok(),
            "{remedy}"
        );
    }
}

#[test]
fn numbers_and_booleans_reach_a_script_as_they_are_written() {
    let written = [
        "3.10",
        "0755",
        "1700000000123456789",
        "1e3",
        "0x1F",
        "true",
        "True",
        "yes",
        "-0.50",
        "+1",
        "1_000",
        "340282366920938463463374607431768211456",
        "1e999",
        ".inf",
        "0o17",
        "12e03",
        "null_",
        "1.",
    ];
    let args = written.join(", ");
    let env: String = written
        .iter()
        .enumerate()
        .fold(String::new(), |text, (index, value)| {
            text + &format!("          V{index}: {value} # é\n")
        });
    let text = main_with("");
    for (start, env) in [("", env.clone()), ("\u{feff}", env.replace('\n', "\r\n"))] {
        let text =
            format!("{start}{text}# é\nrun:\n  - a.sh:\n      args: [{args}]\n      env:\n{env}");
        let step = &parse(&text).unwrap().phases[&Phase::Run][0];
        assert_eq!(step.args, written);
        let values: Vec<&str> = step.env.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, written);
    }
    // By way of an anchor, a merge and a name.
    let text = main_with(
        "run:\n  - a.sh:\n      args: [&x 3.10, *x, !!float 2.50]\n  - b.sh: {env: &e {X: 0755}}\n  - c.sh: {env: {<<: *e}}\n  - 1.50.sh\n",
    );
    let config = parse(&text).unwrap();
    let steps = &config.phases[&Phase::Run];
    assert_eq!(steps[0].args, ["3.10", "3.10", "2.50"]);
    for step in &steps[1..3] {
        assert_eq!(step.env, [("X".to_owned(), "0755".to_owned())]);
    }
}

#[test]
fn a_config_without_a_step_is_refused() {
    let without = main_with("").replace("before_collect: [pack.sh]\n", "");
    for phases in ["", "run:\n", "run: []\nsetup:\n"] {
        let found = problems(&format!("{without}{phases}"));
        assert_eq!(
            found,
            ["1:1 there is no step: no phase has a script"],
            "{phases}"
        );
    }
    // A phase that cannot be read is one problem.
    assert_eq!(problems(&format!("{without}run: a.sh\n")).len(), 1);
}

#[test]
fn a_script_that_cannot_run_does_not_hide_the_problems_of_its_options() {
    let inspect = |_: Named<'_>| Err(vec![("bad".to_owned(), "mend it".to_owned())]);
    let text = main_with("run:\n  - a.sh: {timeout: 0, warn_only: 1}\n");
    let source = Source {
        path: Path::new("config.yml"),
        text: &text,
        local: false,
    };
    let errors = Config::parse(source, &inspect).unwrap_err();
    assert_eq!(errors.problems().len(), 4, "{errors}");
}

#[test]
fn a_report_is_short_whatever_the_file() {
    let lines = (0..9_000).fold(String::new(), |text, n| {
        text + &format!("  unknown_{n}: x\n")
    });
    let many = parse(&main_with(&lines)).unwrap_err();
    assert_eq!(many.problems().len(), 9_000);
    let report = many.to_string();
    assert_eq!(report.matches("hint:").count(), 20);
    assert!(report.ends_with("9000 problems in config.yml, of which the first 20 are shown"));

    let long = "é".repeat(100_000);
    let text = main_with(&format!("  {long}: {{a: 1}}\n  output: {{{long}: x}}\n"));
    let report = parse(&text).unwrap_err().to_string();
    assert!(report.chars().count() < 3_000, "{report}");
}

#[test]
fn a_long_line_is_cut_around_the_problem() {
    let padding = "p".repeat(150);
    let text = main_with(&format!(
        "run:\n  - a.sh: {{args: [{padding}], tymeout: 5, env: {{A: {padding}}}}}\n"
    ));
    let report = parse(&text).unwrap_err().to_string();
    let lines: Vec<&str> = report.lines().collect();
    let column = lines[2].chars().position(|c| c == '^').unwrap();
    let from: String = lines[1].chars().skip(column).collect();
    assert!(from.starts_with("tymeout: 5"), "{report}");
    assert!(
        lines[1].contains("| …ppp") && lines[1].ends_with("ppp…"),
        "{report}"
    );
    assert!(lines[1].chars().count() < 120, "{report}");
}

#[test]
fn variables_of_collector_cannot_be_replaced() {
    let found = problems(&main_with(
        "run:\n  - a.sh: {env: {VERSION: x, 'a b': y}}\n",
    ));
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn broken_and_hostile_files_are_one_clear_problem() {
    let bomb = (1..12).fold(
        "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned(),
        |text, n| {
            let previous = format!("*a{}, ", n - 1).repeat(8);
            format!("{text}a{n}: &a{n} [{}]\n", previous.trim_end_matches(", "))
        },
    );
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for text in [
        "main: [unclosed",
        "a: b: c",
        "\t- x",
        &bomb,
        &deep,
        "",
        "just a text",
        "- 1",
    ] {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{text:.40}: {found:?}");
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "\\PC{0,200}|(main|run|- |: |\\n|  |\\[|\\{|&a|\\*a|[a-z]){0,60}") {
        if let Err(errors) = parse(&text) {
            prop_assert!(!errors.to_string().is_empty());
        }
    }
}

#[test]
fn a_run_lasts_as_long_as_its_timeouts_or_as_its_instance() {
    let max_duration = |main: &str, phases: &str| {
        let text = main_with(main).replace("before_collect: [pack.sh]\n", "") + phases;
        parse(&text).unwrap().max_duration()
    };
    let minutes = Duration::from_mins;
    let bounded = "setup:\n  - a.sh: {timeout: 5}\nrun:\n  - b.sh: {timeout: 10}\n";
    assert_eq!(
        max_duration("", bounded),
        minutes(5 + 10) + OVERHEAD_BESIDE_STEPS
    );
    assert_eq!(max_duration("  max_lifetime: 20m\n", bounded), minutes(20));
    let unbounded = "run:\n  - a.sh: {timeout: 5}\n  - b.sh\n";
    assert_eq!(max_duration("", unbounded), Duration::from_hours(6));
    let before = "before_aws_start:\n  - a.sh: {timeout: 15}\n  - b.sh: {timeout: 1}\n";
    let both = format!("{before}{bounded}");
    assert_eq!(
        max_duration("  max_lifetime: 20m\n", &both),
        minutes(16 + 20)
    );
}
