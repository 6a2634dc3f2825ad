"""One run from its directory to its end: create or resume, drive, record how it ended, seal.

A run that could not go on (its journal's disk is full, its hosts keep dying) has failed for
now: its journal stays as it is, so that it can be resumed. Only a run whose workflow has
answered is sealed.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from agentmesh.errors import AgentMeshError, RunFailedError, describe, rebuild
from agentmesh.fabric.jobs import submission
from agentmesh.host.checkpoints import Checkpoints
from agentmesh.host.engine import Host
from agentmesh.host.performers import Substitute
from agentmesh.host.plan import Plan
from agentmesh.host.recovery import recover
from agentmesh.journal import strings
from agentmesh.journal.code_version import collect_code_version
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.lease import Lease
from agentmesh.journal.redaction import DEFAULT_HEADERS, DEFAULT_PATTERNS
from agentmesh.journal.run_info import (
    CANCELLED,
    DONE,
    FAILED,
    RUNNING,
    EntryPoint,
    Redaction,
    RunInfo,
    Status,
)
from agentmesh.journal.store import Store
from agentmesh.journal.succession import Succession, lives
from agentmesh.kernel.cell import RULES
from agentmesh.kernel.envelope import REPLY, Envelope
from agentmesh.mesh import environment
from agentmesh.mesh.condition import refuse_ended
from agentmesh.mesh.housekeeping import Housekeeping
from agentmesh.mesh.observing import observed
from agentmesh.mesh.options import RunOptions, wants_local
from agentmesh.mesh.outcome import Outcome, has_answered
from agentmesh.mesh.own_code import own_code
from agentmesh.sdk import message as messages
from agentmesh.sdk.agent import DEFINED, AgentType
from agentmesh.sdk.program import Program
from agentmesh.simulation import driver as local_driver

Progress = Callable[[int], None]
"""Called now and then with the number of events handled so far."""

LOCAL, RAY = "local", "ray"
_LOCAL_HOST = "local"


class Execution:
    """Carries one planned run through.

    Args:
        plan: What was decided.
        workflow: The workflow, in this process.
        options: What was chosen.
        resumes: Whether the run has begun before.
        substitute: What is done instead of effects; only of a run without Ray.

    Raises:
        RunExistsError: The store has a run of that id.
        StoreError: The store can't be written.
    """

    def __init__(
        self,
        plan: Plan,
        workflow: AgentType,
        options: RunOptions,
        *,
        resumes: bool = False,
        substitute: Substitute | None = None,
    ) -> None:
        self._plan = plan
        self._workflow = workflow
        self._options = options
        self._resumes = resumes
        self._substitute = substitute
        self._driver = LOCAL if wants_local(options) else RAY
        self._observed = observed(plan.store, plan.run_id, options)
        self._store = Store(plan.store)
        self._redactor = self._store.redactor((*DEFAULT_PATTERNS, *plan.redact_patterns))
        if resumes:
            self._directory = self._store.attach(plan.run_id)
        else:
            self._directory = self._store.create_run(self._info())
        self._started = time.perf_counter()

    def run(self, on_progress: Progress | None = None) -> Outcome:
        """Drive the run to its end and record how it ended.

        Raises:
            ResumeError: Somebody else drives it, or has ended it meanwhile.
        """
        with Lease(self._directory):
            if self._resumes:
                # Another driver may have ended it between the first look and the lease.
                with self._store.open_run(self._plan.run_id) as run:
                    refuse_ended(run)
                    self._directory.info = run.info
                self._directory.update(status=RUNNING, error=None, ended_at_ns=0)
            with self._observed:
                return self._run(on_progress)

    def _run(self, on_progress: Progress | None) -> Outcome:
        try:
            with Housekeeping(self._directory):
                envelope = self.drive(on_progress)
        except KeyboardInterrupt:
            self._end(CANCELLED, error=RunFailedError("The run was interrupted."))
            raise
        except AgentMeshError as error:
            self._end(FAILED, error=error)
            return self._outcome(error=error)
        return self._finish(envelope)

    def drive(self, on_progress: Progress | None = None) -> Envelope:
        """Drive the run until its workflow has answered, and record nothing about that."""
        if self._driver == RAY:
            from agentmesh.fabric import driver as fabric_driver
            from agentmesh.fabric.options import RayOptions

            chosen = RayOptions(
                address=self._options.address,
                num_cpus=self._options.num_cpus,
                keep=self._options.keep_ray,
            )
            return fabric_driver.run(
                self._plan,
                self._directory,
                options=chosen,
                resumes=self._resumes,
                on_progress=on_progress,
                before_leaving=self._observed.finish,
            )
        return self._drive_here(on_progress)

    def _drive_here(self, on_progress: Progress | None) -> Envelope:
        context = self._plan.context(Program(self._workflow.module), self._redactor)
        directory, succession, life = self._directory, None, None
        if self._resumes:
            incarnation = lives(directory, _LOCAL_HOST) + 1
            succession = Succession(directory, _LOCAL_HOST, incarnation)
            life = succession.life
        log = directory.log_writer(_LOCAL_HOST, self._redactor, life=life)
        keeper = Checkpoints(directory, log, self._redactor)
        encoder = BodyEncoder(self._redactor, directory.blobs())

        def prepare(host: Host) -> None:
            host.performers.substitute = self._substitute
            if succession is not None:
                recover(host, succession, log, encoder, keeper)

        try:
            return local_driver.run(
                self._plan, context, log, keeper=keeper, prepare=prepare, on_progress=on_progress
            )
        finally:
            log.close()
            if succession is not None:
                succession.close()

    def _finish(self, envelope: Envelope) -> Outcome:
        if envelope.kind == REPLY:
            spec = next(iter(self._workflow.handlers.values()))
            value = messages.decode(envelope.payload, spec.signature.returns)
            self._end(DONE, result=strings.loads(self._redactor.json(envelope.payload)))
            return self._outcome(value=value, result_json=envelope.payload)
        error = rebuild(envelope.payload, envelope.note)
        self._end(FAILED, error=error)
        return self._outcome(error=error)

    def _end(
        self, status: Status, *, result: object = None, error: Exception | None = None
    ) -> None:
        described = None
        if error is not None:
            described = strings.loads(self._redactor.json(describe(error)))
        self._directory.update(
            status=status, result=result, error=described, ended_at_ns=time.time_ns()
        )
        self._seal()
        if not self._options.quiet:
            self._say(status)

    def _seal(self) -> None:
        """Seal the run; a run that can't be sealed stays readable as it is."""
        try:
            self._directory.flush()
            with self._store.open_run(self._plan.run_id) as run:
                if not has_answered(run, self._plan.root):
                    return
                run.seal()
            self._directory.clear_leavings()
        except AgentMeshError as error:
            sys.stderr.write(f"agentmesh: the run is not sealed: {error}\n")

    def _say(self, status: str) -> None:
        seconds = time.perf_counter() - self._started
        sys.stderr.write(
            f"agentmesh: run {self._plan.run_id} {status} in {seconds:.1f} s; "
            f"agentmesh replay {self._plan.run_id}\n"
        )

    def _outcome(
        self, *, value: object = None, result_json: bytes = b"", error: Exception | None = None
    ) -> Outcome:
        return Outcome(
            run_id=self._plan.run_id,
            location=self._directory.path,
            seconds=time.perf_counter() - self._started,
            value=value,
            result_json=result_json,
            error=error,
        )

    def _info(self) -> RunInfo:
        plan, entry, job = self._plan, self._plan.entry, submission()
        redacted = self._redactor.json(plan.input_payload)
        own = own_code(self._workflow.module)
        return RunInfo(
            id=plan.run_id,
            workflow=entry.workflow,
            entry=EntryPoint(
                module=entry.module,
                file=entry.file,
                qualname=entry.workflow,
                sys_path=entry.sys_path,
            ),
            input_type=plan.input_type,
            input=json.loads(redacted),
            deadline_seconds=plan.deadline_seconds,
            drain_seconds=plan.drain_seconds,
            seed=plan.seed,
            hash_seed=plan.settings.get("PYTHONHASHSEED"),
            # Handlers on Ray run in other processes, under the seed above.
            hash_fingerprint=environment.hash_fingerprint() if self._driver == LOCAL else "",
            code=collect_code_version(Path(entry.file).parent if entry.file else Path.cwd()),
            sources=environment.sources(DEFINED),
            functions=own.functions,
            packages=environment.packages(own.installed),
            python=environment.python_version(),
            agentmesh=environment.packages().get("agentmesh", ""),
            driver=self._driver,
            submission_id=job.submission_id if job is not None else "",
            settings=dict(plan.settings),
            prices=dict(plan.prices),
            durability=plan.durability,
            rules=RULES,
            redaction=Redaction(
                patterns=(*DEFAULT_PATTERNS, *plan.redact_patterns),
                headers=tuple(sorted(DEFAULT_HEADERS)),
                key_id=self._redactor.key_id,
            ),
        )
