//! Nothing but a list of features, in its manifest.
