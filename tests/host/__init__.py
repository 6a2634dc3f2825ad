"""The engine of one process, driven on a real loop with a journal that remembers the order."""
