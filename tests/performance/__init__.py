"""Speed as ratios within one run, never as a test that fails on a busy machine."""
