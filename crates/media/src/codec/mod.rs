//! Headers of the codecs: enough to check, repair and split, never to decode.
