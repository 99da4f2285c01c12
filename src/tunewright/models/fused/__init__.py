"""The layers of common decoders computed by our own operations, with the backward passes written by hand."""
