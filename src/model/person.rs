//! People of the desk: who they are to Bugle, and what each may do.

use serde::{Deserialize, Serialize};

/// What a person may do. Each role may all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees everything but secrets, and changes nothing.
    Viewer,
    /// Decides about posts: approves, edits, holds, sends, takes down, pauses.
    Editor,
    /// Also connects accounts, and says who may do what.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Admin];

    /// Its word in the store, in forms and in the config.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// Reads its word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_one_word_and_may_what_those_before_it_may() {
        for role in Role::ALL {
            assert_eq!(Role::of(role.word()), Some(role));
        }
        assert_eq!(Role::of("Admin"), None);
        assert!(Role::Viewer < Role::Editor && Role::Editor < Role::Admin);
    }
}
