"""Experiments: arms of a program, run many times side by side, until it is clear what they change.

`arms` is what differs and what a sample is; `sampling` makes one sample, in a world, for real, or
as a branch of a recorded run; `crew` makes many on several processes; `running` decides how many;
`report` is what came of it.
"""
