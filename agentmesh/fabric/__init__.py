"""The live driver on Ray: hosts, the links between them, and one supervisor for each run.

The map, from plain data to Ray:

* `frames`, `link`: the protocol between two hosts, sans-IO: first in first out, exactly once.
* `directory`, `placement`: which host an agent lives on, as a host and as the supervisor see it.
* `peer`: one host's end of a link, on any transport of calls that return something.
* `process`: what one host process is made of: a thread, a loop, the engine, a log, its links.
* `ensemble`: all hosts of a run from outside: placing, watching, draining, ending.
* `host_actor`, `supervisor`, `calls`: the thin shells that Ray calls, and how they call each other.
* `version`, `cluster`, `jobs`, `options`, `driver`: from `driver.run` to a cluster and back.

Only this package imports Ray, and only its modules that say so do when they are imported:
`agentmesh.fabric.driver` can be imported where Ray is missing, to say that it is.
"""
