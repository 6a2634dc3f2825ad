"""Rules AM5: input and output that no journal has: files, network, processes, surroundings.

All of it belongs into `@am.tool` functions or `am.effect`, whose results are recorded. `print` and
`logging` are let through: they take nothing in.
"""

import ast
from collections.abc import Iterator

from agentmesh.linting import calls
from agentmesh.linting.calls import Calls, Site
from agentmesh.linting.findings import Finding, Rule
from agentmesh.linting.names import Names
from agentmesh.linting.reach import Reached, inside_nodes

_TOOL = "Move it into an @am.tool, or call it once by `await am.effect(function, ...)`"
_HANDLER = "@am.handler\nasync def take(self, job: Job) -> str:\n    "

FILE = Rule(
    id="AM501",
    name="file",
    why="A replay finds another file system; the call blocks, and is refused at run time.",
    fix=f"{_TOOL}: the result is recorded.",
    bad=f"{_HANDLER}return Path(job.path).read_text()",
    good="@am.tool\ndef read_notes(path: str) -> str:\n    return Path(path).read_text()\n\n"
    f"{_HANDLER}return await read_notes(job.path)",
)
NETWORK = Rule(
    id="AM502",
    name="network",
    why="A replay has no network, and the answer is not recorded; refused at run time.",
    fix=f"{_TOOL}, or give the client am.http_client(), which records; for models am.openai().",
    bad=f"{_HANDLER}return requests.get(job.url).text",
    good="@am.tool(timeout=20)\nasync def fetch(url: str) -> str: ...\n\n"
    f"{_HANDLER}return await fetch(job.url)",
)
PROCESS = Rule(
    id="AM503",
    name="process",
    why="What another process did and printed is not recorded; refused at run time.",
    fix=f"{_TOOL}: its result is recorded.",
    bad=f'{_HANDLER}return subprocess.check_output(["git", "log"], text=True)',
    good='@am.tool(timeout=60)\ndef git_log() -> str:\n    return subprocess.check_output(["git"'
    f', "log"], text=True)\n\n{_HANDLER}return await git_log()',
)
THREAD = Rule(
    id="AM504",
    name="thread",
    why="Nothing records when a thread runs and what it answers; refused at run time.",
    fix="Use asyncio tasks, or put the work into a tool: sync tools run in threads of their own.",
    bad=f"{_HANDLER}threading.Thread(target=work).start()",
    good=f"@am.tool\ndef work() -> str: ...\n\n{_HANDLER}return await work()",
)
LOOP = Rule(
    id="AM505",
    name="event-loop",
    why="A handler runs on a loop already, and nothing records what another one does when.",
    fix="Await the coroutine; if a library insists on its own loop, call it in an @am.tool.",
    bad=f"{_HANDLER}return asyncio.run(ask(job))",
    good=f"{_HANDLER}return await ask(job)",
)
INPUT = Rule(
    id="AM506",
    name="keyboard",
    why="Nobody types in a replay, and the answer is not recorded; refused at run time.",
    fix=f"{_TOOL}: the answer is recorded.",
    bad=f'{_HANDLER}return input("Publish? ")',
    good="@am.tool\ndef ask_person(question: str) -> str:\n    return input(question)\n\n"
    f'{_HANDLER}return await ask_person("Publish? ")',
)
DATABASE = Rule(
    id="AM507",
    name="database",
    why="The database will hold something else by the time of a replay; refused at run time.",
    fix=f"{_TOOL}, which connects, asks and closes.",
    bad=f'{_HANDLER}db = sqlite3.connect("stock.db")',
    good=f"@am.tool\ndef stock(item: str) -> int: ...\n\n{_HANDLER}left = await stock(job.item)",
)
SURROUNDINGS = Rule(
    id="AM508",
    name="surroundings",
    why="A replay, or a successor on another machine, has other variables, processes and paths; "
    "nothing refuses this at run time.",
    fix="Pass the value in with a message or as an agent's state, or read it in an @am.tool.",
    bad=f'{_HANDLER}return os.environ["REGION"]',
    good=f"class Job(am.Message):\n    region: str\n\n{_HANDLER}return job.region",
)
RULES = (FILE, NETWORK, PROCESS, THREAD, LOOP, INPUT, DATABASE, SURROUNDINGS)


def _each(owner: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{owner}.{name}" for name in names)


def _is_devnull(node: ast.Call, site: Site) -> bool:
    if not node.args:
        return False
    module = site.here.function.module
    first = node.args[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, int):
        return True  # a descriptor, whose maker is asked
    return site.names.resolve(first, site.here.function, module) == "os.devnull"


def _without_loop(node: ast.Call, site: Site) -> bool:
    """Tell whether it is done only where no loop was found: never inside a handler."""
    return any(
        isinstance(each, ast.ExceptHandler)
        and getattr(each.type, "id", "") == "RuntimeError"
        and any(inner is node for inner in ast.walk(each))
        for each in site.here.function.nodes
    )


def _in_memory(node: ast.Call, site: Site) -> bool:
    del site
    return bool(node.args) and getattr(node.args[0], "value", None) == ":memory:"


_RECORDING = ("agentmesh.http_client", "agentmesh.openai")
_CLIENTS = (
    "requests.Session",
    "requests.session",
    "httpx.Client",
    "httpx.AsyncClient",
    "httpx2.Client",
    "httpx2.AsyncClient",
    "aiohttp.ClientSession",
    "openai.OpenAI",
    "openai.AsyncOpenAI",
    "anthropic.Anthropic",
    "anthropic.AsyncAnthropic",
    "urllib3.PoolManager",
    "boto3.client",
    "boto3.resource",
    "redis.Redis",
    "redis.asyncio.Redis",
    "smtplib.SMTP",
    "smtplib.SMTP_SSL",
    "ftplib.FTP",
    "http.client.HTTPConnection",
    "http.client.HTTPSConnection",
)
_SENDING_NOTHING = (
    *("close", "aclose", "quit", "with_options", "copy", "clear", "update", "build_request"),
    *("is_closed", "setdefault", "pop", "mount", "with_raw_response", "with_streaming_response"),
)
_VERBS_OF_HTTP = ("get", "post", "put", "patch", "delete", "head", "options", "request", "stream")
_PATH = (
    *("open", "read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "glob", "rglob"),
    *("mkdir", "rmdir", "unlink", "rename", "replace", "touch", "chmod", "symlink_to", "walk"),
)

TABLES = (
    Calls(
        FILE,
        exact=(
            "builtins.open",
            *_each("pathlib.Path", *_PATH),
            *_each("os", "listdir", "scandir", "walk", "open", "mkdir", "makedirs", "remove"),
            *_each("os", "unlink", "rmdir", "removedirs", "rename", "replace", "link", "symlink"),
            *_each("os", "chmod", "chown", "chdir", "truncate", "utime", "mkfifo"),
            *_each("shutil", "copy", "copy2", "copyfile", "copytree", "move", "rmtree"),
            *_each("shutil", "make_archive", "unpack_archive", "disk_usage"),
            *_each("tempfile", "mkdtemp", "mkstemp", "NamedTemporaryFile", "TemporaryFile"),
            *_each("tempfile", "TemporaryDirectory"),
            *_each("glob", "glob", "iglob"),
            *_each("gzip", "open"),
            *_each("bz2", "open"),
            *_each("lzma", "open"),
            *_each("codecs", "open"),
            *_each("aiofiles", "open"),
            *_each("anyio", "open_file"),
            *_each("pandas", "read_csv", "read_parquet", "read_json", "read_excel"),
            *_each("numpy", "load", "save", "loadtxt", "savetxt"),
        ),
        spared=_is_devnull,
    ),
    Calls(
        NETWORK,
        exact=(
            *_each("requests", *_VERBS_OF_HTTP),
            *_each("httpx", *_VERBS_OF_HTTP),
            *_each("httpx2", *_VERBS_OF_HTTP),
            *_each("urllib.request", "urlopen", "urlretrieve"),
            *_each("socket", "socket", "create_connection", "create_server", "socketpair"),
            *_each("socket", "getaddrinfo", "gethostbyname", "gethostbyaddr", "fromfd"),
            *_each("asyncio", "open_connection", "start_server", "open_unix_connection"),
            *_each("anyio", "connect_tcp", "connect_unix", "create_tcp_listener"),
            *_each("websockets", "connect", "serve"),
            *_each("websocket", "create_connection"),
            *_each("smtplib", "SMTP", "SMTP_SSL"),
            *_each("ftplib", "FTP"),
        ),
    ),
    Calls(
        PROCESS,
        exact=(
            *_each("subprocess", "run", "call", "check_call", "check_output", "Popen"),
            *_each("subprocess", "getoutput", "getstatusoutput"),
            *_each("os", "system", "popen", "fork", "forkpty", "kill", "killpg", "posix_spawn"),
            *_each("os", "execv", "execve", "execvp", "execl", "execlp", "spawnv", "spawnl"),
            *_each("asyncio", "create_subprocess_exec", "create_subprocess_shell"),
            *_each("anyio", "run_process", "open_process"),
            *_each("multiprocessing", "Process.start", "Pool"),
            "concurrent.futures.ProcessPoolExecutor.submit",
            "concurrent.futures.ProcessPoolExecutor.map",
            "webbrowser.open",
            "pty.spawn",
        ),
    ),
    Calls(
        THREAD,
        exact=(
            "threading.Thread",
            "threading.Thread.start",
            "threading.Timer",
            "threading.Timer.start",
            "_thread.start_new_thread",
            "concurrent.futures.ThreadPoolExecutor.submit",
            "concurrent.futures.ThreadPoolExecutor.map",
            "multiprocessing.pool.ThreadPool",
        ),
    ),
    Calls(
        LOOP,
        exact=(
            *_each("asyncio", "run", "new_event_loop", "run_coroutine_threadsafe", "Runner"),
            *_each("asyncio.get_event_loop", "run_until_complete", "run_forever"),
            *_each("anyio", "run"),
            *_each("anyio.from_thread", "start_blocking_portal"),
            *_each("trio", "run"),
            *_each("nest_asyncio", "apply"),
        ),
        spared=_without_loop,
    ),
    Calls(
        INPUT,
        exact=(
            "builtins.input",
            "getpass.getpass",
            *_each("sys.stdin", "read", "readline", "readlines"),
        ),
    ),
    Calls(
        DATABASE,
        exact=(
            *_each("sqlite3", "connect"),
            *_each("psycopg", "connect", "AsyncConnection.connect"),
            *_each("psycopg2", "connect"),
            *_each("asyncpg", "connect", "create_pool"),
            *_each("aiosqlite", "connect"),
            *_each("pymysql", "connect"),
            *_each("pymongo", "MongoClient"),
            *_each("duckdb", "connect"),
        ),
        spared=_in_memory,
    ),
    Calls(
        SURROUNDINGS,
        exact=(
            *_each("os", "getenv", "putenv", "unsetenv", "getpid", "getppid", "getcwd", "getlogin"),
            *_each("os", "cpu_count", "getloadavg", "uname", "stat", "lstat", "times"),
            *_each("os.path", "exists", "isfile", "isdir", "islink", "getmtime", "getsize"),
            *_each("os.path", "getctime", "getatime", "expanduser", "realpath"),
            *_each("pathlib.Path", "exists", "is_file", "is_dir", "stat", "cwd", "home"),
            *_each("socket", "gethostname", "getfqdn"),
            *_each("platform", "node", "uname", "platform"),
            *_each("getpass", "getuser"),
            *_each("locale", "getlocale"),
            *_each("threading", "active_count", "enumerate"),
            *_each("gc", "get_objects", "get_count", "get_referrers"),
            *_each("resource", "getrusage"),
        ),
        below=("psutil",),
    ),
)
_VERBS = {
    FILE.id: "reaches for the file system",
    NETWORK.id: "reaches for the network",
    PROCESS.id: "starts or reaches another process",
    THREAD.id: "gives work to a thread",
    LOOP.id: "runs another event loop",
    INPUT.id: "waits for somebody to type",
    DATABASE.id: "reaches for a database",
    SURROUNDINGS.id: "reads what differs from machine to machine",
}


def check(names: Names, here: Reached) -> Iterator[Finding]:
    """Report the undeclared input and output of one function."""
    yield from calls.check(TABLES, names, here, verbs=_VERBS)
    yield from _clients(names, here)
    yield from _environment(names, here)


def _clients(names: Names, here: Reached) -> Iterator[Finding]:
    """Report requests by a client object, unless it records."""
    function = here.function
    for node in inside_nodes(names, function):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        root: ast.expr = node.func.value
        while isinstance(root, ast.Attribute) and not isinstance(
            names.type_of(root, function, function.module), str
        ):
            root = root.value
        kind = names.type_of(root, function, function.module)
        if kind not in _CLIENTS or node.func.attr in _SENDING_NOTHING:
            continue
        if not _records(names, root, here):
            what = f"{kind} sends a request by .{node.func.attr}() in {function.shown}"
            yield function.module.source.finding(NETWORK, node, f"{what}{here.through}.")


def _records(names: Names, root: ast.expr, here: Reached) -> bool:
    """Tell whether a client was made with a transport that records."""
    function = here.function
    for made in names.makers(root, function, function.module):
        for each in ast.walk(made):
            if isinstance(each, ast.Name | ast.Attribute):
                found = names.resolve(each, function, function.module)
                if found in _RECORDING:
                    return True
                if names.type_of(each, function, function.module) in _RECORDING:
                    return True
    return False


def _environment(names: Names, here: Reached) -> Iterator[Finding]:
    function = here.function
    for node in inside_nodes(names, function):
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            name = names.resolve(node, function, function.module)
            if name in ("os.environ", "os.environb", "sys.argv"):
                what = f"{name} is read in {function.shown}{here.through}."
                yield function.module.source.finding(SURROUNDINGS, node, what)
