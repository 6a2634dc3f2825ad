"""`agentmesh export` and `import`: runs as files, and what was hidden in them."""

from pathlib import Path

from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.wording import counted, visible
from agentmesh.journal.sharing import Exported
from agentmesh.mesh.sharing import export_run, import_run

_NAMED_MAX = 5


def export(
    name: str,
    output: Path | None,
    *,
    redact: tuple[str, ...],
    fields: tuple[str, ...],
    overwrite: bool,
    store: str | None,
    as_json: bool,
) -> int:
    """Pack a run and return the exit code."""
    with terminal.working("exporting"):
        done = export_run(
            name,
            output,
            redact=redact,
            redact_fields=fields,
            overwrite=overwrite,
            store=store,
        )
    if as_json:
        terminal.print_json(_as_json(done))
        return exit_codes.OK
    terminal.show(terminal.styled(_headline(done), "green"))
    if redact or fields:
        terminal.show(terminal.styled(on_redaction(done)))
    if done.kept_names:
        kept = f"{counted(len(done.kept_names), 'name')} of agents: {_named(done.kept_names)}"
        terminal.say(f"agentmesh: --redact also matches {kept}. Names are not redacted.")
    terminal.hint(f"agentmesh replay {visible(str(done.path))}")
    return exit_codes.OK


def import_(file: Path, *, store: str | None, as_json: bool) -> int:
    """Put a packed run into a store and return the exit code."""
    with terminal.working("importing"):
        info = import_run(file, store=store)
    if as_json:
        terminal.print_json({"run": info.id, "workflow": info.workflow, "status": info.status})
    else:
        said = f"{info.id}: {info.workflow}, {info.status}"
        terminal.show(terminal.styled(visible(said), "green"))
        terminal.hint(f"agentmesh replay {info.id}")
    return exit_codes.OK


def on_redaction(done: Exported) -> str:
    """Say what was hidden, and what that does to a replay."""
    if not done.redacted:
        return "redacted: nothing, since nothing matched"
    hidden = ", ".join(f"{count:,} {what}" for what, count in sorted(done.redacted.items()))
    lines = [f"redacted: {hidden}"]
    if done.inputs:
        lines.append(
            f"  {_named([f'{agent}@{step}' for agent, step in sorted(done.inputs.items())])}: from "
            "there on a replay gives handlers placeholders.\n"
            "  One that only hands them on replays bit for bit; where one looks into them, and so "
            "does something else,\n  `agentmesh replay` says that this is why."
        )
    return visible("\n".join(lines), keep_lines=True)


def _headline(done: Exported) -> str:
    parts = [counted(done.agents, "agent"), counted(done.events, "event")]
    if done.payloads:
        parts.append(counted(done.payloads, "large payload"))
    return visible(f"{done.path}: {', '.join(parts)}, {_bytes(done.size)}")


def _bytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{max(size / 1e3, 0.1):,.1f} kB"  # noqa: PLR2004 - SI


def _named(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED_MAX:,} more" if len(names) > _NAMED_MAX else ""
    return ", ".join(names[:_NAMED_MAX]) + more


def _as_json(done: Exported) -> dict[str, object]:
    return {
        "file": str(done.path),
        "run": done.run,
        "agents": done.agents,
        "events": done.events,
        "payloads": done.payloads,
        "bytes": done.size,
        "redacted": dict(sorted(done.redacted.items())),
        "inputs": done.inputs,
        "names_kept": list(done.kept_names),
    }
