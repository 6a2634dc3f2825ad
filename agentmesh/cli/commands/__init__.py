"""The commands' options, by what people want to do.

A function here is a few lines: the hash seed first where it matters, then one call. What
a command does is imported when it is called, because `agentmesh --help` must be quick:
nothing but typer is imported at the top.
"""
