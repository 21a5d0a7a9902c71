//! An interface of the configuration and its capture.

use nfa::capture::{
    CaptureError, FilterError, FlowFilter, LiveCapture, SNAPLEN, drop_bare_acknowledgements,
};
use nfa::interface::Interface;

use super::losses::Losses;
use crate::command::log::{Level, Log};

/// An interface of the configuration and its capture, while there is one.
pub(super) struct Source {
    pub interface: Interface,
    pub capture: Option<LiveCapture>,
    /// Why there is none, as it was told.
    pub told: String,
    /// What the kernel leaves out, in words.
    pub filter: String,
}

impl Source {
    pub fn new(interface: &Interface) -> Self {
        let (told, filter) = ("not opened yet".to_owned(), String::new());
        Source { interface: interface.clone(), capture: None, told, filter }
    }

    /// Opens the capture if there is none. What keeps it from opening is told once.
    pub fn open(&mut self, filter: Option<&FlowFilter>, log: &mut Log) -> Result<(), CaptureError> {
        if self.capture.is_some() {
            return Ok(());
        }
        match LiveCapture::open(&self.interface.name, SNAPLEN) {
            Ok(capture) => {
                let how = match put_before(&capture, filter) {
                    Ok(dropped) => format!("the kernel drops {dropped}"),
                    Err(error) => format!("every frame is copied ({error})"),
                };
                log.write(Level::Info, &format!("{}: capturing; {how}", self.interface.name));
                self.capture = Some(capture);
                self.filter = how;
                self.told.clear();
                Ok(())
            }
            Err(error @ CaptureError::Permission { .. }) => Err(error),
            Err(error) => {
                let message = error.to_string();
                if message != self.told {
                    log.write(Level::Warning, &format!("{message}; waiting for it"));
                    self.told = message;
                }
                Ok(())
            }
        }
    }

    /// Gives the capture up; the next round of house-keeping tries again.
    pub fn lose(&mut self, reason: &str, losses: &mut Losses, log: &mut Log) {
        if let Some(Ok(stats)) = self.capture.as_mut().map(LiveCapture::stats) {
            losses.keep_frames(stats.dropped);
        }
        self.capture = None;
        if reason != self.told {
            log.write(Level::Warning, &format!("{reason}; waiting for it"));
            reason.clone_into(&mut self.told);
        }
    }
}

/// Puts the best filter there is before a capture; says what it drops.
fn put_before(
    capture: &LiveCapture,
    filter: Option<&FlowFilter>,
) -> Result<&'static str, FilterError> {
    match filter {
        Some(filter) => filter.attach(capture).map(|()| "decided flows"),
        None => drop_bare_acknowledgements(capture, SNAPLEN).map(|()| "bare acknowledgements"),
    }
}
