//! Messages reserved in the index while something is written about them. Not settled, they go back to their place.

use std::sync::Arc;

use super::index::Sequence;
use super::open::OpenQueue;

#[derive(Debug)]
pub struct Reserved {
    queue: Arc<OpenQueue>,
    sequences: Vec<Sequence>,
}

impl Reserved {
    pub fn new(queue: &Arc<OpenQueue>, sequences: impl IntoIterator<Item = Sequence>) -> Self {
        Self { queue: queue.clone(), sequences: sequences.into_iter().collect() }
    }

    /// The index has been told what became of all of them.
    pub fn settle(mut self) {
        self.sequences.clear();
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.sequences.is_empty() {
            return;
        }
        let mut index = self.queue.index();
        self.sequences.iter().for_each(|sequence| index.release(*sequence));
        drop(index);
        self.queue.ring(self.sequences.len());
    }
}
