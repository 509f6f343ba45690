//! The instance that `ssh` and `fetch` come back to.

use jiff::Timestamp;

use crate::cli::InstanceArgs;
use crate::error::KeptInstanceError;
use crate::lease::{KeptInstance, LeaseRecords};

/// Finds the instance that is meant.
///
/// # Errors
/// When there is none on record, or more than one.
pub(super) fn find(
    args: &InstanceArgs,
    records: &LeaseRecords,
) -> Result<KeptInstance, KeptInstanceError> {
    records.forget_expired_instances(Timestamp::now());
    let all = records.instances();
    let of_run = all.iter().filter(|instance| instance.run == args.run);
    let wanted: Vec<_> = of_run
        .filter(|instance| args.sample.is_none_or(|sample| sample == instance.sample))
        .collect();
    match wanted.as_slice() {
        [] => {
            let mut known: Vec<_> = all.iter().map(|instance| instance.run.as_str()).collect();
            known.dedup();
            Err(KeptInstanceError::NoWayBack {
                run: args.run.clone(),
                known: match known.as_slice() {
                    [] => String::new(),
                    known => format!("; there is one for: {}", known.join(", ")),
                },
            })
        }
        [instance] => Ok((*instance).clone()),
        several => {
            let samples = several.iter().map(|instance| instance.sample.to_string());
            Err(KeptInstanceError::Several {
                run: args.run.clone(),
                samples: samples.collect::<Vec<_>>().join(", "),
            })
        }
    }
}
