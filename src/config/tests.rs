use super::*;

use proptest::prelude::*;

use crate::step::Place;

const SEED: &str = include_str!("../../examples/seed/config.yml");

#[expect(clippy::unnecessary_wraps, reason = "the type that the parser takes")]
fn sound(_: &ScriptPath) -> Result<(), (String, String)> {
    Ok(())
}

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(
        Source {
            path: Path::new("config.yml"),
            text,
            local: false,
        },
        &sound,
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

fn main_with(lines: &str) -> String {
    format!(
        "main:\n  output: out\n  performance_results: /tmp/*\n  ec2_instance_size: m1.small\n  ami: ami-1\n  security_group: g\n{lines}"
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
        .map(|(phase, step)| (phase.key(), step.script.as_str(), step.place))
        .collect();
    assert_eq!(
        steps,
        [
            ("before_aws_start", "before_aws_start.sh", Place::Here),
            ("after_aws_start", "after_aws_start.pl", Place::Instance),
            ("after_aws_start", "local_after_aws_start.py", Place::Here),
            ("setup", "install_w3af.rb", Place::Instance),
            ("run", "run_w3af.py", Place::Instance),
            ("before_collect", "compress_results.py", Place::Instance),
            ("after_collect", "send_info_to_s3.py", Place::Instance),
            ("after_collect", "remove_tmp.py", Place::Instance),
            (
                "before_aws_terminate",
                "collect_cloudwatch_info.py",
                Place::Here
            ),
            (
                "before_aws_terminate",
                "some_other_command.py",
                Place::Instance
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
            "2:3 `main.performance_results` is missing",
            "3:3 unknown key `performance_result` in `main`",
            "4:22 `ec2_instance_size` is a number, a text is expected",
            "5:8 \"debian\" is not an image",
            "6:9 `main.spot` is not supported by this version of collector",
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
fn each_planned_key_is_refused_by_name() {
    for key in PLANNED {
        let found = problems(&main_with(&format!("  {key}: 1\n")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(&format!("`main.{key}`")), "{found:?}");
    }
}

#[test]
fn a_rehearsal_needs_no_image() {
    let text = "main: {output: o, performance_results: x}\n";
    assert_eq!(problems(text).len(), 2);
    let config = Config::parse(
        Source {
            path: Path::new("config.yml"),
            text,
            local: true,
        },
        &sound,
    );
    assert_eq!(config.unwrap().provider, ProviderSpec::Local);
    let chosen = parse("main: {output: o, performance_results: x, provider: local}\n");
    assert_eq!(chosen.unwrap().provider, ProviderSpec::Local);
}

#[test]
fn a_timeout_beyond_the_life_of_the_instance_is_refused() {
    let found = problems(&main_with(
        "  max_lifetime: 1h\nrun:\n  - a.sh: {timeout: 2h}\n",
    ));
    assert_eq!(
        found,
        ["9:21 `timeout` 2h00m is longer than the instance lives (1h00m)"]
    );
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
    let longest = |main: &str, phases: &str| {
        let text = main_with(main) + phases;
        parse(&text).unwrap().max_duration()
    };
    let minutes = Duration::from_mins;
    let bounded = "setup:\n  - a.sh: {timeout: 5}\nrun:\n  - b.sh: {timeout: 10}\n";
    assert_eq!(longest("", bounded), minutes(5 + 10) + BETWEEN_STEPS);
    assert_eq!(longest("  max_lifetime: 20m\n", bounded), minutes(20));
    let unbounded = "run:\n  - a.sh: {timeout: 5}\n  - b.sh\n";
    assert_eq!(longest("", unbounded), MAX_LIFETIME);
    let before = "before_aws_start:\n  - a.sh: {timeout: 15}\n  - b.sh: {timeout: 1}\n";
    let both = format!("{before}{bounded}");
    assert_eq!(longest("  max_lifetime: 20m\n", &both), minutes(16 + 20));
}
