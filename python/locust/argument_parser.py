"""Locust's command line as a parser: for scripts that add arguments, and for those that run as
programs and read Locust's own. A run of cicada reads its options itself; what scripts find in
`environment.parsed_options` has the names and defaults of this table.
"""

import sys

from cicada import arguments

from ._missing import absent
from ._version import version

DEFAULT_CONFIG_FILES = ("~/.locust.conf", "locust.conf", "pyproject.toml")

# (options, words for add_argument): argparse's words; `env` is the variable without LOCUST_.
_FLAG = {"action": "store_true", "default": False}
_OPTIONS = (
    (("-f", "--locustfile"), {"default": "locustfile", "env": "LOCUSTFILE"}),
    (("--config",), {}),
    (("-H", "--host"), {"env": "HOST"}),
    (("-u", "--users"), {"dest": "num_users", "type": int, "env": "USERS"}),
    (("-r", "--spawn-rate"), {"type": float, "env": "SPAWN_RATE"}),
    (("-t", "--run-time"), {"env": "RUN_TIME"}),
    (("-l", "--list"), {"dest": "list_commands", **_FLAG}),
    (("--web-host",), {"default": "", "env": "WEB_HOST"}),
    (("--web-port", "-P"), {"type": int, "default": 8089, "env": "WEB_PORT"}),
    (("--web-base-path",), {"default": "", "env": "WEB_BASE_PATH"}),
    (("--headless",), {**_FLAG, "env": "HEADLESS"}),
    (("--autostart",), {**_FLAG, "env": "AUTOSTART"}),
    (("--autoquit",), {"type": int, "default": -1, "env": "AUTOQUIT"}),
    (("--headful",), {**_FLAG, "env": "HEADFUL"}),
    (("--web-login",), {**_FLAG, "env": "WEB_LOGIN"}),
    (("--tls-cert",), {"default": "", "env": "TLS_CERT"}),
    (("--tls-key",), {"default": "", "env": "TLS_KEY"}),
    (("--class-picker",), {**_FLAG, "env": "USERCLASS_PICKER"}),
    (("--build-path",), {"default": "", "env": "BUILD_PATH"}),
    (("--profile",), {"env": "PROFILE"}),
    (("--legacy-ui",), _FLAG),
    (("--master",), {**_FLAG, "env": "MODE_MASTER"}),
    (("--master-bind-host",), {"default": "*", "env": "MASTER_BIND_HOST"}),
    (("--master-bind-port",), {"type": int, "default": 5557, "env": "MASTER_BIND_PORT"}),
    (("--expect-workers",), {"type": int, "default": 1, "env": "EXPECT_WORKERS"}),
    (("--expect-workers-max-wait",),
     {"type": int, "default": 0, "env": "EXPECT_WORKERS_MAX_WAIT"}),
    (("--enable-rebalancing",), _FLAG),
    (("--worker",), {**_FLAG, "env": "MODE_WORKER"}),
    (("--processes",), {"type": int, "env": "PROCESSES"}),
    (("--master-host",), {"default": "127.0.0.1", "env": "MASTER_NODE_HOST"}),
    (("--master-port",), {"type": int, "default": 5557, "env": "MASTER_NODE_PORT"}),
    (("-T", "--tags"), {"nargs": "*", "env": "TAGS"}),
    (("-E", "--exclude-tags"), {"nargs": "*", "env": "EXCLUDE_TAGS"}),
    (("--csv",), {"dest": "csv_prefix", "env": "CSV"}),
    (("--csv-full-history",),
     {"dest": "stats_history_enabled", **_FLAG, "env": "CSV_FULL_HISTORY"}),
    (("--print-stats",), {**_FLAG, "env": "PRINT_STATS"}),
    (("--only-summary",), {**_FLAG, "env": "ONLY_SUMMARY"}),
    (("--reset-stats",), {**_FLAG, "env": "RESET_STATS"}),
    (("--html",), {"dest": "html_file", "env": "HTML"}),
    (("--json",), {**_FLAG, "env": "JSON"}),
    (("--json-file",), {"env": "JSON_FILE"}),
    (("--skip-log-setup",), {**_FLAG, "env": "SKIP_LOG_SETUP"}),
    (("--skip-log",), {**_FLAG, "env": "SKIP_LOG"}),
    (("-L", "--loglevel"), {"default": "INFO", "env": "LOGLEVEL"}),
    (("--logfile",), {"env": "LOGFILE"}),
    (("--show-task-ratio",), _FLAG),
    (("--show-task-ratio-json",), _FLAG),
    (("--exit-code-on-error",), {"type": int, "default": 1, "env": "EXIT_CODE_ON_ERROR"}),
    (("-s", "--stop-timeout"), {"dest": "stop_timeout", "default": "0", "env": "STOP_TIMEOUT"}),
    (("--equal-weights",), _FLAG),
)


class LocustArgumentParser(arguments.Parser):
    """argparse's parser; add_argument also takes env_var, include_in_web_ui and is_secret."""

    def parse_known_args(self, args=None, namespace=None):
        if namespace is not None or getattr(self, "_reads_environment", False):
            return super().parse_known_args(args, namespace)
        self._reads_environment = True
        try:
            return arguments.parse(self, sys.argv[1:] if args is None else args)
        except arguments.UsageError as error:
            sys.exit(f"{self.prog}: {error}")
        finally:
            self._reads_environment = False

    @property
    def args_included_in_web_ui(self):
        return {action.dest: action for action in self._actions
                if getattr(action, "include_in_web_ui", False)}

    @property
    def secret_args_included_in_web_ui(self):
        return {dest: action for dest, action in self.args_included_in_web_ui.items()
                if getattr(action, "is_secret", False)}


def get_empty_argument_parser(add_help=True, default_config_files=DEFAULT_CONFIG_FILES):
    return LocustArgumentParser(prog="locust", add_help=add_help)


def setup_parser_arguments(parser):
    """Add Locust's own options."""
    for names, words in _OPTIONS:
        words = dict(words)
        variable = words.pop("env", None)
        action = parser.add_argument(*names, **words)
        action.env_var = f"LOCUST_{variable}" if variable else None
        action.include_in_web_ui = False
    parser.add_argument("-V", "--version", action="version", version=f"locust {version}")
    parser.add_argument("user_classes", nargs="*")


def get_parser(default_config_files=DEFAULT_CONFIG_FILES):
    """Locust's options, and those that listeners of init_command_line_parser add."""
    import locust

    parser = get_empty_argument_parser(default_config_files=default_config_files)
    setup_parser_arguments(parser)
    locust.events.init_command_line_parser.fire(parser=parser)
    return parser


def parse_options(args=None):
    return get_parser().parse_args(args)


def default_args_dict():
    """{attribute: default} of Locust's own options, without the environment's values."""
    parser = LocustArgumentParser(prog="locust")
    setup_parser_arguments(parser)
    return {action.dest: action.default for action in parser._actions
            if action.dest not in ("help", "version")} | {"user_classes": []}


def ui_extra_args_dict(args=None):
    """The values of the arguments that scripts added."""
    parser = get_parser()
    own = default_args_dict()
    values = vars(parser.parse_args(args))
    return {name: value for name, value in values.items()
            if name not in own and name in parser.args_included_in_web_ui}


__getattr__ = absent(__name__, dict.fromkeys((
    "find_locustfile", "find_locustfiles", "parse_locustfile_option", "parse_locustfile_paths",
    "locustfile_is_directory", "download_locustfile_from_url",
    "retrieve_locustfiles_from_master", "is_url",
), "cicada finds and loads Locust files itself"))
