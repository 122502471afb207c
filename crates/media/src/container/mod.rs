//! Containers: access units in, packaged bytes out.
