//! Who and what is simulated.

/// What a seed may bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cast {
    /// Fourteen definitions of tasks, timers, signals and child runs; an operator who redrives. The
    /// first seeds that failed are of this cast, and stay the same stories.
    Few,
    /// Besides, people who steer by hand and answer, permits, published events and schedules.
    #[default]
    All,
    /// Of all that those who get in each other's way, more of them, and cancelled more often: what needs two at
    /// the same moment is rare elsewhere.
    Crowd,
}
