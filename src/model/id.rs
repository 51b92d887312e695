//! One newtype per id, so that a post's id can never be handed over as an article's.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a text that is already such an id (from the store, the config or the command line).
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The id as stored and shown.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// The name of a source in the config: its identity.
    SourceName
);
text_id!(
    /// The name of a channel in the config: its identity.
    ChannelName
);
text_id!(
    /// An article (one story of the newsroom): a UUID v7 as text.
    ArticleId
);
text_id!(
    /// A post (one article on one channel on one occasion): a UUID v7 as text.
    PostId
);
text_id!(
    /// A person of the desk: a UUID v7 as text.
    PersonId
);
text_id!(
    /// One try at one journal step of a post: a UUID v7 as text.
    AttemptId
);
text_id!(
    /// The process that holds a lease: a UUID v7 made at start.
    WorkerId
);

macro_rules! fresh {
    ($($name:ident),*) => {$(
        impl $name {
            /// A new id, sortable by the time of its making. Uses the operating system's randomness.
            pub fn fresh() -> Self {
                Self(uuid::Uuid::now_v7().hyphenated().to_string())
            }
        }
    )*};
}
fresh!(ArticleId, PostId, AttemptId, WorkerId, PersonId);
