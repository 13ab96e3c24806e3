pub(crate) struct App { pub config: crate::Config, pub beats: Beats }
pub(crate) struct Beats;
impl Beats { pub(crate) fn workers(&self) -> Vec<crate::types::Worker> { vec![] } }
