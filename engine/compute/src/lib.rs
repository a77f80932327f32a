//! Machines: created, started, watched and removed behind one driver interface.
