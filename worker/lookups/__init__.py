"""The outside world, each part of it behind one small function; verdicts are made elsewhere, from what these find."""
