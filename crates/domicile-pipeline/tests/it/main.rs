//! The pipeline as a program uses it, on real databases in temporary folders.
