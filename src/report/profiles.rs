//! The profiles of a comparison: where people find them.

use super::{RunReport, SampleReport};

impl RunReport {
    /// Where the files of `on_regression` lie, in words.
    pub fn profiles(&self) -> Option<String> {
        profiles(&self.samples)
    }
}

/// Where the files of `on_regression` lie below the directory of all results, in words; none where there are none.
pub fn profiles(samples: &[SampleReport]) -> Option<String> {
    let mut samples = samples.iter();
    let sample = samples.find(|sample| !sample.profiles.is_empty())?;
    let instance = &sample.instance.as_ref()?.id;
    let revision = sample.revision.directory();
    let directories = sample.profiles.iter();
    let directories = directories.map(|name| format!("`{revision}/{instance}/{name}`"));
    let directories = directories.collect::<Vec<_>>().join(" and ");
    Some(format!("`on_regression` left its files in {directories}"))
}
