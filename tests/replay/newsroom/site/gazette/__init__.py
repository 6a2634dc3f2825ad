"""A package that programs use, in the version that is installed."""

NAME = "The Gazette"
