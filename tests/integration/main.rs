//! collector's promises, tested against the library as a whole.

#[cfg(test)]
mod doubles;
#[cfg(test)]
mod policy;
