//! Who and what is simulated.

/// What a seed may bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cast {
    /// Fourteen definitions of tasks, timers, signals and child runs; an operator who redrives. The
    /// first seeds that failed are of this cast, and stay the same stories.
    Few,
    /// All there is: besides, people who steer by hand.
    #[default]
    All,
}
