//! Composing: article + template + rules -> a text that fits. Pure.
