"""All bugs of the zoo."""

from tests.zoo import counting, ordering, time, updates, waiting
from tests.zoo.bugs import Bug

BUGS: list[Bug] = [
    *updates.BUGS,
    *ordering.BUGS,
    *time.BUGS,
    *counting.BUGS,
    *waiting.BUGS,
]
