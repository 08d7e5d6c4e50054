"""``--help`` of every command: it is there, shows examples, and costs no heavy import."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from asd_bench.cli import COMMANDS, cli


def all_commands() -> list[tuple[str, ...]]:
    """Every command and subcommand as it is typed."""
    found: list[tuple[str, ...]] = [()]
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, sub) for sub in command.commands]
    return found


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_help_has_usage_and_examples(asd_bench, words):
    output = asd_bench(*words, "--help").output
    assert output.startswith("Usage: ")
    assert f"asd-bench {' '.join(words)}".strip() in output.partition("Options:")[2] or not words
    assert "Examples:" in output or not words


def test_every_command_is_in_the_overview(asd_bench):
    output = asd_bench("--help").output
    assert all(f"\n  {name} " in output for name in COMMANDS)


def test_help_imports_nothing_heavy():
    program = f"""
import sys
from click.testing import CliRunner
from asd_bench.cli import cli

for words in {all_commands()!r}:
    outcome = CliRunner().invoke(cli, [*words, "--help"])
    assert outcome.exit_code == 0, (words, outcome.output, outcome.exception)
print(*{{"torch", "mlflow", "pandas", "sklearn", "librosa"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
