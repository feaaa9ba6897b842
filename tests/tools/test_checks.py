#!/usr/bin/env python3
"""The checks in tools/ find what they are for: each gets a tree with one thing wrong in it."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"

CLEAN_TREE = {
    "src/base/README.md": "# base\n\n| `err` | why |\n",
    "src/base/err.h": "int err_set(void);\n",
    "src/base/err.c": '#include "base/err.h"\n#include <stdio.h>\n',
    "src/net/README.md": "# net\n\n| `resolver`, `loop` | names, readiness |\n",
    "src/net/resolver.h": '#include "base/err.h"\n',
    "src/net/resolver.c": '#include "net/resolver.h"\n#include <ares.h>\n',
    "src/net/loop.c": '#include "net/resolver.h"\n',
    "src/http/README.md": "# http\n\n| `client` | requests |\n",
    "src/http/client.c": '#include "net/resolver.h"\n#include "base/err.h"\n',
}


def check(tool, changes):
    """Run a tool on the clean tree with `changes` (path: text, or None for "leave it out")."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in {**CLEAN_TREE, **changes}.items():
            if text is not None:
                path = Path(root) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        return subprocess.run([TOOLS / tool, root], capture_output=True, text=True, check=False)


class CheckLayers(unittest.TestCase):
    def assert_breach(self, changes, *words):
        result = check("check-layers", changes)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_a_clean_tree_passes(self):
        result = check("check-layers", {})
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_an_include_upwards_fails(self):
        self.assert_breach(
            {"src/base/err.c": '#include "base/err.h"\n#include "net/resolver.h"\n'},
            "src/base/err.c:2",
            "base must not include net",
        )

    def test_an_include_sideways_fails(self):
        self.assert_breach(
            {
                "src/sse/README.md": "| `parser` | |\n",
                "src/sse/parser.c": '#include "net/resolver.h"\n',
            },
            "sse must not include net",
        )

    def test_an_include_two_layers_down_passes(self):
        result = check("check-layers", {"src/http/client.c": '#include "base/err.h"\n'})
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_file_that_does_not_exist_fails(self):
        self.assert_breach({"src/net/loop.c": '#include "base/gone.h"\n'}, "does not exist")

    def test_an_include_without_its_layer_fails(self):
        self.assert_breach({"src/net/loop.c": '#include "resolver.h"\n'}, "layer/file.h")

    def test_a_library_in_a_second_module_fails(self):
        self.assert_breach({"src/net/loop.c": "#include <ares.h>\n"}, "net/resolver.c alone")

    def test_a_library_without_an_owner_fails(self):
        self.assert_breach({"src/net/loop.c": "#include <curl/curl.h>\n"}, "no known library")

    def test_readiness_calls_outside_the_loop_fail(self):
        self.assert_breach({"src/net/loop.c": "#include <sys/epoll.h>\n"}, "net/loop_epoll.c")

    def test_a_platform_conditional_in_a_general_file_fails(self):
        self.assert_breach({"src/net/loop.c": "#ifdef __linux__\n#endif\n"}, "__linux__")

    def test_a_platform_conditional_in_a_file_named_for_it_passes(self):
        result = check(
            "check-layers",
            {
                "src/net/README.md": "| `resolver`, `loop`, `loop_epoll` | |\n",
                "src/net/loop_epoll.c": "#ifndef __linux__\n#endif\n#include <sys/epoll.h>\n",
            },
        )
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_another_header_before_its_own_fails(self):
        self.assert_breach(
            {"src/base/err.c": '#include <stdio.h>\n#include "base/err.h"\n'}, "its own header"
        )

    def test_a_folder_without_a_readme_fails(self):
        self.assert_breach({"src/http/README.md": None}, "needs a README.md")

    def test_a_long_readme_fails(self):
        text = "| `client` | |\n" + "more\n" * 30
        self.assert_breach({"src/http/README.md": text}, "more than 30 lines")

    def test_a_module_that_the_readme_leaves_out_fails(self):
        self.assert_breach({"src/http/README.md": "# http\n"}, "says nothing of `client`")

    def test_a_folder_in_no_layer_fails(self):
        self.assert_breach({"src/misc/thing.c": "\n"}, "is in no layer")

    def test_a_long_line_fails(self):
        self.assert_breach({"src/net/loop.c": f"/* {'x' * 95} */\n"}, "101 columns")

    def test_a_long_file_fails(self):
        self.assert_breach({"src/net/loop.c": "\n" * 601}, "601 lines")


METRICS = """const struct metric_info METRIC_INFOS[METRIC_COUNT] = {
    [METRIC_USERS] = {"users", METRIC_GAUGE, METRIC_UNIT_COUNT, "running"},
    [METRIC_SSE_MISSED] = {"sse_missed",
                           METRIC_COUNTER, METRIC_UNIT_COUNT, "not got"},
};
"""
METRICS_PAGE = """| metric | how |
|---|---|
| `users` | - |
| `sse_missed` | `where:resume` too |
"""


class CheckMetrics(unittest.TestCase):
    def check(self, page, code=METRICS):
        return check("check-metrics", {"src/stats/metric.c": code, "docs/metrics.md": page})

    def assert_breach(self, page, words, code=METRICS):
        result = self.check(page, code)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn(words, result.stderr)

    def test_a_page_with_a_row_a_metric_passes(self):
        result = self.check(METRICS_PAGE + "Tags: `sse_missed{where:stream}` of `some_text`.\n")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_metric_without_a_row_fails(self):
        self.assert_breach(METRICS_PAGE.replace("| `users` | - |\n", ""), "users has 0 rows")

    def test_a_metric_that_only_a_sentence_names_fails(self):
        page = METRICS_PAGE.replace("| `users` |", "| people |")
        self.assert_breach(page + "See `users`.\n", "users has 0 rows")

    def test_a_metric_with_two_rows_fails(self):
        self.assert_breach(METRICS_PAGE + "| `users` | again |\n", "users has 2 rows")

    def test_a_row_of_no_metric_fails(self):
        self.assert_breach(METRICS_PAGE + "| `sse_lost` | - |\n", ":5: there is no metric sse_lost")

    def test_a_sentence_about_no_metric_fails(self):
        self.assert_breach(METRICS_PAGE + "\nAs `sse_lost{x:y}`.\n", "no metric sse_lost")

    def test_a_list_that_cannot_be_read_fails(self):
        self.assert_breach("none\n", "no metric found", code="int metrics;\n")


FINDINGS = """static const struct rule rules[] = {
    {"event-loss", FINDING_WARNING, find_event_loss},
    {"no-events", FINDING_CRITICAL,
     find_no_events},
};
"""
FINDINGS_PAGE = """# Findings

## event-loss

Lost.

## no-events

None.
"""


class CheckFindings(unittest.TestCase):
    def check(self, page, code=FINDINGS):
        return check("check-findings", {"src/verdict/findings.c": code, "docs/findings.md": page})

    def assert_breach(self, page, words, code=FINDINGS):
        result = self.check(page, code)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn(words, result.stderr)

    def test_a_page_with_a_section_a_code_passes(self):
        result = self.check(FINDINGS_PAGE)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_code_without_a_section_fails(self):
        self.assert_breach(FINDINGS_PAGE.replace("## no-events", "No events."), "no-events has 0")

    def test_a_code_with_two_sections_fails(self):
        self.assert_breach(FINDINGS_PAGE + "\n## no-events\n", "no-events has 2 sections")

    def test_a_section_of_no_code_fails(self):
        self.assert_breach(FINDINGS_PAGE + "\n## old-code\n", "there is no finding old-code")

    def test_sections_out_of_order_fail(self):
        page = FINDINGS_PAGE.replace("event-loss", "x").replace("no-events", "event-loss")
        self.assert_breach(page.replace("x", "no-events", 1), "event-loss stands behind no-events")

    def test_a_table_that_cannot_be_read_fails(self):
        self.assert_breach("none\n", "no finding found", code="int findings;\n")


class CheckText(unittest.TestCase):
    def assert_breach(self, text, words):
        result = check("check-text", {"notes.md": text})
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(words, result.stderr)

    def test_a_clean_tree_passes(self):
        result = check("check-text", {})
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_blanks_at_a_line_end_fail(self):
        self.assert_breach("one \ntwo\n", "notes.md:1: blanks")

    def test_a_path_below_a_home_fails(self):
        self.assert_breach("see " + "/ho" + "me/ann/notes\n", "somebody's home")

    def test_a_note_to_oneself_fails(self):
        self.assert_breach("TO" + "DO: more\n", "a note to oneself")

    def test_a_tab_fails(self):
        self.assert_breach("a\tb\n", "a tab")

    def test_a_missing_line_end_fails(self):
        self.assert_breach("one", "does not end with a line end")


if __name__ == "__main__":
    sys.exit(unittest.main())
