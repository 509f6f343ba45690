//! Words as a POSIX shell takes them.

/// A word as one single-quoted word of a POSIX shell.
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A word as a person writes it in a POSIX shell: in quotes where it needs them.
pub(crate) fn quote_where_needed(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        quote(word)
    }
}
