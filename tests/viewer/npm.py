"""What checks the viewer's modules and comes from npm, installed once: TypeScript and axe-core.

They are installed beside `package.json`, where git does not look, when a test first asks for
them. Several processes of one test session may ask at once: one installs, the others wait.
"""

import fcntl
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
INSTALL = ("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
DEADLINE_SECONDS = 100


def node_modules() -> Path:
    """Return the folder with the packages of `package.json`, and install them if need be.

    Raises:
        AssertionError: npm is missing, or can't install them.
    """
    wanted = (HERE / "package.json").read_text(encoding="utf-8")
    stamp = MODULES / ".installed"
    if _is(stamp, wanted):
        return MODULES
    tool("npm")
    with (HERE / ".npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is(stamp, wanted):
            _install()
            stamp.write_text(wanted, encoding="utf-8")
    return MODULES


def tool(name: str) -> str:
    """Return the path of `node` or `npm`.

    Raises:
        AssertionError: It is not installed.
    """
    path = shutil.which(name)
    assert path, (
        f"{name} is not installed. The viewer's modules are JavaScript, and tested by Node: "
        "install Node 20 or later (Debian: apt-get install nodejs npm)."
    )
    return path


def _is(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted


def _install() -> None:
    done = subprocess.run(
        INSTALL, cwd=HERE, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
    assert done.returncode == 0, (
        f"npm could not install what tests/viewer/package.json names:\n{done.stderr}\n"
        f"Usually the network is down. Try it by hand: cd tests/viewer && {' '.join(INSTALL)}"
    )
