"""The bug zoo: small programs with a known concurrency bug, and each one without it."""
