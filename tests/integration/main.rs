//! What holds for the project as a whole, seen from outside of the library.

// `cfg(test)` always holds here; it tells clippy that helper functions are tests too.
#[cfg(test)]
mod floors;
#[cfg(test)]
mod readme;
