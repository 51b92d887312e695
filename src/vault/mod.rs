//! Sessions, tokens and grants, sealed at rest.
