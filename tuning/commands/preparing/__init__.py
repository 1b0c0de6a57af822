"""Commands of `mmatune data` that make what a study needs from what people have."""
