//! GitHub-flavoured Markdown that nothing from outside can break.
//!
//! Whatever comes from outside becomes a numeric character reference where Markdown would see more than a
//! character: that holds in running text, in a table and within HTML alike, where a backslash does not.

#[cfg(test)]
pub(super) mod testing;

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// Stands where GitHub would find a mention, a reference, an emoji or a bare address. It looks for them when
/// Markdown is done, so that no escape helps, but in one stretch of text at a time, and this ends a stretch.
/// It is not seen and not copied, unlike a space without width.
const BREAK: &str = "<!-- -->";

/// GitHub takes this many hexadecimal digits for a commit.
const SHORTEST_COMMIT: usize = 7;

/// A line of code is cut behind this many characters.
const LONGEST_LINE: usize = 1000;

/// The most of a list or a table that is shown; what goes beyond is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// At most so many items or rows.
    pub lines: usize,
    /// In at most so many bytes of Markdown.
    pub bytes: usize,
}

/// Text as it is, on one line, for running text or the cell of a table.
pub(crate) fn text(text: &str) -> String {
    let line = one_line(text);
    let mut markdown = String::with_capacity(line.len());
    let mut digits = 0;
    for (at, c) in line.char_indices() {
        let before = &line[..at];
        let after = &line[at + c.len_utf8()..];
        if c.is_ascii_hexdigit() {
            if digits == SHORTEST_COMMIT - 1 {
                markdown.push_str(BREAK);
                digits = 0;
            }
            digits += 1;
        } else {
            digits = 0;
        }
        match c {
            '&' => markdown.push_str("&amp;"),
            '<' => markdown.push_str("&lt;"),
            '>' => markdown.push_str("&gt;"),
            // GitHub's own advice against a formula.
            '$' => markdown.push_str("<span>&#36;</span>"),
            c if is_markdown(before, c, after) => {
                let _ = write!(markdown, "&#{};", u32::from(c));
            }
            c => markdown.push(c),
        }
        if is_reference(before, c, after) {
            markdown.push_str(BREAK);
        }
    }
    markdown
}

/// Whether Markdown could take this character for more than itself.
fn is_markdown(before: &str, c: char, after: &str) -> bool {
    match c {
        '\\' | '`' | '*' | '~' | '[' | ']' | '|' | '!' => true,
        // Within a word it is plain.
        '_' => {
            !(before.ends_with(char::is_alphanumeric) && after.starts_with(char::is_alphanumeric))
        }
        '#' | '+' | '-' | '=' | ':' => before.is_empty(),
        '.' | ')' => {
            let alone = after.is_empty() || after.starts_with(' ');
            alone && !before.is_empty() && before.chars().all(|c| c.is_ascii_digit())
        }
        _ => false,
    }
}

/// Whether something that GitHub makes a link or a picture of would go on behind this character.
fn is_reference(before: &str, c: char, after: &str) -> bool {
    let follows = |word: &str| {
        let start = before.len().checked_sub(word.len());
        start
            .and_then(|start| before.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    let digit = after.starts_with(|c: char| c.is_ascii_digit());
    match c {
        '@' => after.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_'),
        '#' => digit,
        '-' => digit && follows("gh"),
        ':' => after.starts_with("//") || begins_emoji(after),
        'w' | 'W' => after.starts_with('.') && follows("ww"),
        _ => false,
    }
}

/// Whether a text goes on like `tada:`, or would with a colon behind it.
fn begins_emoji(text: &str) -> bool {
    let name = text.split(':').next().unwrap_or_default();
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c))
}

/// Text as code within a line; unlike backticks, this holds in the cell of a table and within HTML.
pub(crate) fn code(code: &str) -> String {
    format!("<code>{}</code>", text(code))
}

/// Code between backticks, for running text outside of tables. GitHub looks for nothing in it, so that it can be copied
/// and read as it is.
pub(crate) fn span(code: &str) -> String {
    let line = one_line(code);
    if line.is_empty() {
        return line;
    }
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let padding = if line.starts_with('`') || line.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{padding}{line}{padding}{fence}")
}

/// Text in which backticks stand around code, as in hints.
pub(crate) fn prose(prose: &str) -> String {
    let parts: Vec<&str> = prose.split('`').collect();
    if parts.len().is_multiple_of(2) {
        // One has no partner.
        return text(prose);
    }
    let parts = parts.iter().enumerate().map(|(index, part)| {
        if !index.is_multiple_of(2) {
            return code(part);
        }
        let space = |at_edge: bool| if at_edge { " " } else { "" };
        let words = text(part);
        let before = space(index > 0 && part.starts_with(char::is_whitespace));
        let after = space(!words.is_empty() && part.ends_with(char::is_whitespace));
        format!("{before}{words}{after}")
    });
    parts.collect()
}

/// A block of code with every line of `text` as a terminal would show it, without colours.
pub(crate) fn fenced(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            // What was written over is not shown.
            let last = line.rsplit('\r').find(|part| !part.is_empty());
            clipped(&visible(last.unwrap_or_default()), LONGEST_LINE)
        })
        .collect();
    let body = lines.join("\n");
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", body.trim_end())
}

/// A part that opens on a click.
pub(crate) fn details(summary: &str, body: &str) -> String {
    let summary = text(summary);
    let body = body.trim_end();
    format!("<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>\n")
}

/// A link, if `url` is one that a browser opens over the web; else its text alone.
pub(crate) fn link(label: &str, url: &str) -> String {
    let label = text(label);
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return label;
    }
    let mut target = String::with_capacity(url.len());
    for byte in url.bytes() {
        match byte {
            b'&' => target.push_str("&amp;"),
            b if b.is_ascii_alphanumeric() || b"-._~:/?#=%+,;@".contains(&b) => {
                target.push(char::from(b));
            }
            b => {
                let _ = write!(target, "%{b:02X}");
            }
        }
    }
    format!("[{label}]({target})")
}

/// A table of Markdown cells; the rows beyond the budget are counted as `things`.
pub(crate) fn table(
    head: &[impl AsRef<str>],
    rows: &[impl AsRef<[String]>],
    things: &str,
    budget: Budget,
) -> String {
    let names: Vec<&str> = head.iter().map(AsRef::as_ref).collect();
    let line = "| --- ".repeat(head.len());
    let head = format!("| {} |\n{line}|\n", names.join(" | "));
    let bytes = budget.bytes.saturating_sub(head.len());
    let rows = rows
        .iter()
        .map(|row| format!("| {} |\n", row.as_ref().join(" | ")));
    head + &truncated(rows, things, Budget { bytes, ..budget })
}

/// A list of Markdown items; those beyond the budget are counted as `things`.
pub(crate) fn list(items: &[String], things: &str, budget: Budget) -> String {
    truncated(
        items.iter().map(|item| format!("- {item}\n")),
        things,
        budget,
    )
}

/// The first lines, and how many more there are.
fn truncated(lines: impl Iterator<Item = String>, things: &str, budget: Budget) -> String {
    let mut lines: Vec<String> = lines.collect();
    let all = lines.len();
    lines.truncate(budget.lines);
    let mut bytes: usize = lines.iter().map(String::len).sum();
    loop {
        let rest = match all - lines.len() {
            0 => String::new(),
            count => format!("\nand {count} more {things}\n"),
        };
        if bytes + rest.len() <= budget.bytes {
            return lines.concat() + &rest;
        }
        match lines.pop() {
            Some(line) => bytes -= line.len(),
            None => return rest,
        }
    }
}

/// The beginning of a text, so that no single one crowds out the others.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn one_line(text: &str) -> String {
    visible(text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// A text without terminal sequences and without characters that show nothing, of which some
/// turn the direction of writing.
fn visible(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => skip_sequence(&mut chars),
            '\t' | '\n' | '\r' => kept.push(c),
            c if c.is_control() => {}
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' => {}
            c => kept.push(c),
        }
    }
    kept
}

/// Skips what follows an escape character: a control sequence, or a string such as a title or a link.
fn skip_sequence(chars: &mut Peekable<Chars<'_>>) {
    match chars.next_if(|c| "[]PX^_".contains(*c)) {
        Some('[') => {
            while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
            chars.next_if(|c| ('@'..='~').contains(c));
        }
        // One that does not end within its line is no string.
        Some(_) => {
            while let Some(c) = chars.next_if(|c| *c != '\n') {
                if c == '\x07' || c == '\x1b' && chars.next_if_eq(&'\\').is_some() {
                    break;
                }
            }
        }
        None => {
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next_if(|c| ('0'..='~').contains(c));
        }
    }
}

#[cfg(test)]
mod tests;
