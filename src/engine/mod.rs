//! The pipeline.
pub mod detect;
pub mod elements;
