//! The names that are most like one that is sought and not there.

/// The least similarity of a name that may have been meant.
const MIN_SIMILARITY: f64 = 0.6;

/// The most names that are shown.
const MAX_SHOWN: usize = 3;

/// The names that look like the one that is sought, the likeliest first.
#[derive(Debug)]
pub(crate) struct Nearest<'s> {
    sought: &'s str,
    found: Vec<(f64, String)>,
}

impl<'s> Nearest<'s> {
    /// None so far.
    pub(crate) const fn to(sought: &'s str) -> Self {
        Self {
            sought,
            found: Vec::new(),
        }
    }

    /// Takes a name up, where it is like the one that is sought.
    pub(crate) fn compare(&mut self, name: &str) {
        let similarity = similarity(self.sought, name);
        let known = self.found.iter().any(|(_, known)| known == name);
        if similarity < MIN_SIMILARITY || known {
            return;
        }
        let at = self
            .found
            .partition_point(|(other, _)| *other >= similarity);
        self.found.insert(at, (similarity, name.to_owned()));
        self.found.truncate(MAX_SHOWN);
    }

    /// The names.
    pub(crate) fn names(self) -> Vec<String> {
        self.found.into_iter().map(|(_, name)| name).collect()
    }
}

/// The question that goes behind a message, where there are such names.
pub(crate) fn did_you_mean(nearest: &[String]) -> String {
    let names: Vec<String> = nearest.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", names.join(" or "))
    }
}

/// The likeness of a name to the one that is sought: all of it where that is its end, as with a branch of a remote.
fn similarity(sought: &str, name: &str) -> f64 {
    let of_a_remote = name
        .strip_suffix(sought)
        .is_some_and(|remote| remote.ends_with('/'));
    if of_a_remote {
        return 1.0;
    }
    strsim::normalized_damerau_levenshtein(&sought.to_lowercase(), &name.to_lowercase())
}
