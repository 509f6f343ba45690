//! `docs/config.md` is the program's tables of keys, rendered, and `docs/reference.md` has its command line.

use std::fs;
use std::path::Path;

use collector::cli;
use collector::config::{DefaultValue, FIGURE_KEYS, FILE_KEYS, Key, MAIN_KEYS, STEP_KEYS, Scope};

/// The variable that has the page written anew.
const UPDATE: &str = "UPDATE";

fn page() -> String {
    let file = rows(&FILE_KEYS, |key| {
        format!("`{}` | {} | {}", key.name, key.kind, key.meaning)
    });
    let planned = MAIN_KEYS.iter().filter(|key| !key.is_supported());
    let planned = rows(planned, |key| format!("`{}` | {}", key.name, key.meaning));
    let main = table(&MAIN_KEYS);
    let step = table(&STEP_KEYS);
    let figure = table(&FIGURE_KEYS);
    format!(
        "\
# The config file

<!-- Made from the tables in src/config/keys.rs; `{UPDATE}=1 cargo test --test integration reference` makes it anew. -->

A YAML file with the section `main` and a list of steps for each phase that is wanted. Every problem is reported at once,
with its line and a remedy, and nothing is launched unless the file is valid. Any other key is an error.

| key | value | meaning |
|---|---|---|
{file}
A step is `script.sh`, or `script.sh:` with options below it, as one map or as a list of maps. At least one phase has a
step.

## `main`

{main}
A rehearsal (`--local`, or `provider: local`) may leave out the keys marked EC2; those that are there are checked.

## Lines of `upload`

A line is one of these:

* A path relative to the config file. A directory stands for everything in it, hidden files too.
* A glob: `*`, `?`, `[…]`, `**`, `{{a,b}}`. As in a shell, `*` ends at a slash and passes over hidden files.
* A path that leads elsewhere, such as `../target/release/app`, `/opt/model` or `~/model`: it arrives in the home directory
  under its own name, `app` or `model`. A glob cannot lead elsewhere.
* Behind a `!`, in quotes, what does not travel, wherever in the list it stands: without a slash at any depth (`'!*.tmp'`), with one
  relative to the config file (`'!./build'`, `'!data/raw'`). A directory stays with everything in it.

What `upload` names arrives with the scripts in the login user's home, under its path relative to the config file, with its
permissions. A rehearsal gets the same copy. `.gitignore` is not read; the directory of the results never travels; sockets,
pipes and devices stay here with a warning. A symbolic link stays a link; one that leads out of the config file's directory is
an error, unless a line names it: what is named is followed. Two different files with the same place are an error.

What is named has to be there when the config is checked, and so do the scripts; where `before_aws_start` has a step, that step
may still make them. They are looked up again after it, before anything is rented, and read when they are sent.
`collector/uploads.json` of the results has the SHA-256 of every file. `collect check` shows what would travel.

## Options of an entry of `figures`

An entry is a glob, or a glob with options below it, as one map or as a list of maps. It is matched with the paths of
collected files below `<instance>/`. Which formats there are, and what is read of each, is in [figures.md](figures.md).

{figure}
## Options of a step

{step}
Numbers and booleans in `args` and `env` reach the script as they are written: `3.10` stays `3.10`, `0755` stays `0755`.

The time-outs, those in `before_aws_start` aside, may not be longer in all than what `max_lifetime` leaves for steps: a
tenth of it, at least five seconds and at most ten minutes, is kept for collecting.

## Keys of later versions

They are refused by name, so that no run differs from what the file says.

| key | meaning |
|---|---|
{planned}"
    )
}

fn rows<'a>(keys: impl IntoIterator<Item = &'a Key>, row: impl Fn(&Key) -> String) -> String {
    let rows = keys.into_iter().map(row);
    rows.fold(String::new(), |rows, row| rows + "| " + &row + " |\n")
}

/// The supported keys of a section, with a head.
fn table(keys: &[Key]) -> String {
    let rows = rows(keys.iter().filter(|key| key.is_supported()), |key| {
        let scope = match key.scope {
            Scope::Ec2 if key.default != DefaultValue::Required => " (EC2)",
            Scope::Ec2 | Scope::EveryProvider => "",
        };
        let Key {
            name,
            kind,
            example,
            meaning,
            ..
        } = key;
        let default = key.default_text();
        format!("`{name}`{scope} | {kind} | {default} | `{example}` | {meaning}")
    });
    format!("| key | value | default | example | meaning |\n|---|---|---|---|---|\n{rows}")
}

/// The pages are held to this, or written anew.
fn assert_page(path: &str, page: impl FnOnce(&str) -> String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&file).unwrap();
    let page = page(&text);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&file, &page).unwrap();
    } else {
        assert!(
            text == page,
            "{path} is out of date; write it anew with `{UPDATE}=1 cargo test --test integration reference`"
        );
    }
}

#[test]
fn the_reference_page_is_what_the_tables_say() {
    assert_page("docs/config.md", |_| page());
}

/// The lines around the commands in `docs/reference.md`.
const COMMANDS_BEGIN: &str =
    "<!-- Made from the command line's own help, as docs/config.md is from the keys. -->\n";
const COMMANDS_END: &str = "<!-- The end of what is made. -->\n";

/// The commands with the arguments and options of each, as tables.
fn commands() -> String {
    let program = cli::command();
    let commands = program.get_subcommands();
    commands.fold(String::new(), |text, command| {
        let name = command.get_name();
        let about = command.get_about().map(ToString::to_string);
        let mut command = command.clone();
        let usage = command.render_usage().to_string();
        let usage = usage
            .trim_start_matches("Usage: ")
            .trim_start_matches("collect ");
        let about = about.unwrap_or_default();
        let stop = if about.ends_with('?') { "" } else { "." };
        let arguments = arguments(&command);
        format!(
            "{text}\n### `collect {name}`\n\n{about}{stop}\n\n```text\ncollect {usage}\n```\n{arguments}"
        )
    })
}

/// A table of arguments and options, where there are any.
fn arguments(command: &clap::Command) -> String {
    let rows: String = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && arg.get_id() != "help")
        .map(|arg| {
            let short = arg.get_short().map(|short| format!("`-{short}`, "));
            let meaning = arg.get_help().map(ToString::to_string);
            let mut row = format!(
                "| {}`{}` | {}",
                short.unwrap_or_default(),
                arg.to_string().trim_end_matches("..."),
                meaning.unwrap_or_default(),
            );
            if arg.get_action().takes_values() {
                let choices = arg.get_possible_values();
                let choices = choices
                    .iter()
                    .map(|value| format!("`{}`", value.get_name()));
                let choices = choices.collect::<Vec<_>>().join(", ");
                if !choices.is_empty() {
                    row.extend([": ", &choices]);
                }
                for default in arg.get_default_values() {
                    row.extend(["; `", &default.to_string_lossy(), "` by default"]);
                }
            }
            row + " |\n"
        })
        .collect();
    if rows.is_empty() {
        return rows;
    }
    format!("\n| argument | meaning |\n|---|---|\n{rows}")
}

#[test]
fn the_commands_and_their_options_are_what_the_program_takes() {
    assert_page("docs/reference.md", |text| {
        let (before, rest) = text.split_once(COMMANDS_BEGIN).unwrap();
        let (_, after) = rest.split_once(COMMANDS_END).unwrap();
        format!(
            "{before}{COMMANDS_BEGIN}{}\n{COMMANDS_END}{after}",
            commands()
        )
    });
}
