"""Tests of the causality package; a package, so that its helpers can be imported."""
