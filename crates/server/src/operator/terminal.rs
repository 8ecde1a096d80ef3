//! The operator's own terminal, in raw mode while a command has it.

use std::io::{IsTerminal, stdin, stdout};

use anyhow::{Context, Result};
use nix::libc;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use wire::datachannel::Size;

/// A terminal in raw mode; as it was again when dropped.
#[derive(Debug)]
pub(super) struct Raw(Termios);

impl Raw {
    /// Whether a person sits at both ends.
    pub(super) fn is_possible() -> bool {
        stdin().is_terminal() && stdout().is_terminal()
    }

    /// Takes the terminal.
    pub(super) fn enter() -> Result<Raw> {
        let before = tcgetattr(stdin()).context("reading the terminal's mode")?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(stdin(), SetArg::TCSANOW, &raw).context("setting the terminal's mode")?;
        Ok(Raw(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &self.0);
    }
}

nix::ioctl_read_bad!(window_size, libc::TIOCGWINSZ, libc::winsize);

/// The terminal's size.
pub(super) fn size() -> Option<Size> {
    let mut found = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel fills the structure that the request names; the descriptor is ours for good.
    unsafe { window_size(libc::STDOUT_FILENO, &raw mut found) }.ok()?;
    Some(Size { cols: found.ws_col.into(), rows: found.ws_row.into() })
}
