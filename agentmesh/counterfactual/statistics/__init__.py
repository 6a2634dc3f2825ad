"""What can be said of arms after so many samples, however often one has looked.

`binomial` counts successes; `betting` has e-values and confidence sequences for bounded values;
`comparing` holds two arms against each other and says when that is decided; `choosing` speaks of
several comparisons at once, and of quality, cost and latency together.

Pure arithmetic on numbers: it knows neither runs nor branches, and draws no randomness of its own.
"""
