//! A glob on the instance: `*`, `?`, `[…]`, `**` and `{a,b}`.

/// The most patterns that one pattern with braces may become.
const MAX_ALTERNATIVES: usize = 1000;

/// One glob without braces, absolute or relative to the login user's home directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Expands the braces of a text, as a shell does: `x.{a,b}` gives `x.a` and `x.b`.
    ///
    /// # Errors
    /// A sentence fragment that says what is wrong.
    pub fn parse(text: &str) -> Result<Vec<Self>, &'static str> {
        if text.contains(['\0', '\n']) {
            return Err("contains a line break or a NUL");
        }
        let mut done = Vec::new();
        let mut open = vec![text.to_owned()];
        while let Some(text) = open.pop() {
            match alternatives(&text) {
                Some(alternatives) => open.extend(alternatives.into_iter().rev()),
                None => done.push(Self(text.strip_prefix("~/").unwrap_or(&text).to_owned())),
            }
            if done.len() + open.len() > MAX_ALTERNATIVES {
                return Err("has more than 1000 alternatives");
            }
        }
        Ok(done)
    }

    /// Everything in a directory, whose own name is taken literally; each file keeps its path below it.
    pub fn everything_in(directory: &str) -> Self {
        let special = |c: char| "*?[\\".contains(c);
        let escape = |c: char| special(c).then_some('\\').into_iter().chain([c]);
        let directory: String = directory.chars().flat_map(escape).collect();
        Self(format!("{directory}/*"))
    }

    /// A glob below a directory; each file keeps its path below that directory, whatever of it the glob spells out.
    pub fn below(directory: &str, glob: &str) -> Self {
        let mut rest = glob.chars();
        match rest.next() {
            // The base ends at the first wildcard, and a letter in brackets is one.
            Some(first) if first.is_alphanumeric() => {
                Self(format!("{directory}/[{first}]{}", rest.as_str()))
            }
            _ => Self(format!("{directory}/{glob}")),
        }
    }

    /// Whether it leads out of the directory that it starts in.
    pub fn leads_out(&self) -> bool {
        self.0.starts_with('/') || self.0.split('/').any(|part| part == "..")
    }

    /// The glob.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory in front of the first wildcard, or of the last part where there is none: what is
    /// matched keeps its path below it. Empty, or ends with `/`.
    pub fn base(&self) -> &str {
        let trimmed = self.0.trim_end_matches('/');
        let wild = trimmed.find(['*', '?', '[', '\\']).unwrap_or(trimmed.len());
        let end = trimmed.get(..wild).and_then(|fixed| fixed.rfind('/'));
        end.and_then(|end| trimmed.get(..=end)).unwrap_or_default()
    }
}

/// The texts that the first brace group with a comma stands for, `None` where there is no such group.
fn alternatives(text: &str) -> Option<Vec<String>> {
    let mut open: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => open.push((at, Vec::new())),
            ',' => {
                if let Some((_, commas)) = open.last_mut() {
                    commas.push(at);
                }
            }
            '}' => {
                if let Some((start, commas)) = open.pop()
                    && !commas.is_empty()
                {
                    let before = text.get(..start)?;
                    let after = text.get(at + 1..)?;
                    let cuts = commas.iter().copied().chain([at]);
                    let mut from = start + 1;
                    return cuts
                        .map(|cut| {
                            let part = text.get(from..cut)?;
                            from = cut + 1;
                            Some(format!("{before}{part}{after}"))
                        })
                        .collect();
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expand(text: &str) -> Vec<String> {
        Pattern::parse(text)
            .unwrap()
            .into_iter()
            .map(|pattern| pattern.0)
            .collect()
    }

    #[test]
    fn braces_become_patterns() {
        assert_eq!(expand("/tmp/*.cpu"), ["/tmp/*.cpu"]);
        assert_eq!(expand("/tmp/*.{cpu,mem}"), ["/tmp/*.cpu", "/tmp/*.mem"]);
        assert_eq!(expand("{a,b}{1,2}"), ["a1", "a2", "b1", "b2"]);
        assert_eq!(expand("{a,{b,c}}x"), ["ax", "bx", "ax", "cx"]);
        assert_eq!(expand("a{b}c{"), ["a{b}c{"]);
        assert_eq!(expand("~/out/*"), ["out/*"]);
        assert!(Pattern::parse(&"{a,b}".repeat(12)).is_err());
    }

    #[test]
    fn the_base_is_what_stands_before_the_first_wildcard() {
        let base = |text: &str| Pattern(text.into()).base().to_owned();
        assert_eq!(base("/tmp/*.cpu"), "/tmp/");
        assert_eq!(base("/tmp/*/out.csv"), "/tmp/");
        assert_eq!(base("/tmp/**/x"), "/tmp/");
        assert_eq!(base("/var/log/app.log"), "/var/log/");
        assert_eq!(base("/tmp/results/"), "/tmp/");
        assert_eq!(base("*.csv"), "");
        assert_eq!(base("/*"), "/");
    }

    #[test]
    fn a_glob_below_a_directory_keeps_the_whole_path() {
        let pattern = Pattern::below("/jobs/turns", "baseline/turn-01/out/*.json");
        assert_eq!(
            pattern.as_str(),
            "/jobs/turns/[b]aseline/turn-01/out/*.json"
        );
        assert_eq!(pattern.base(), "/jobs/turns/");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,30}|[{},a*/\\\\]{0,30}") {
            if let Ok(patterns) = Pattern::parse(&text) {
                for pattern in patterns {
                    prop_assert!(pattern.as_str().starts_with(pattern.base()));
                }
            }
        }
    }
}
