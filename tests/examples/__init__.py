"""The examples do what their docstrings say, and replay elsewhere."""
