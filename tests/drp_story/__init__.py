"""Recovery plans whole: run apart, by `make drp`."""
