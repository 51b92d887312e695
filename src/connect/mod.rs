//! Connecting an account: OAuth in the terminal.
