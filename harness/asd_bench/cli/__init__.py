"""The command line. Each command is a module of its own, imported when it is called: ``--help`` costs no torch."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from asd_bench.errors import BenchError

#: Command -> (module, one line for ``asd-bench --help``).
COMMANDS = {
    "run": ("asd_bench.cli.run", "Fit systems, score them, track them."),
    "list": ("asd_bench.cli.list", "What there is: systems, datasets, detectors, …, results."),
    "show": ("asd_bench.cli.show", "One system, dataset, detector … or result in full."),
    "data": ("asd_bench.cli.data", "Where datasets lie, what is in them, and making synthetic ones."),
    "config": ("asd_bench.cli.config", "Every value of a system's configuration and where it comes from."),
    "score": ("asd_bench.cli.score", "Score challenge submissions by the organisers' rules."),
    "leaderboard": ("asd_bench.cli.leaderboard", "Merge results into the leaderboards and render their pages."),
    "ui": ("asd_bench.cli.ui", "Browse runs in MLflow."),
    "sync": ("asd_bench.cli.sync", "Deliver results, from this workspace or a bundle, to the tracking store."),
    "doctor": ("asd_bench.cli.doctor", "What is installed, where things are, what is wrong and how to mend it."),
}

EXIT_FAILED_FITS = 1
EXIT_USAGE = 2


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed; their help lines are not worth an import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *sorted(self.commands)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS:
            return importlib.import_module(COMMANDS[name][0]).command
        self._add_plugin_commands()
        return self.commands.get(name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self._add_plugin_commands()
        rows = [(name, line) for name, (_, line) in COMMANDS.items()]
        rows += [(name, command.get_short_help_str()) for name, command in sorted(self.commands.items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from asd_bench.plugins import did_you_mean

            raise click.UsageError(
                f"{error.message.rstrip('.')}{did_you_mean(args[0], self.list_commands(ctx))}", ctx
            ) from None

    def _add_plugin_commands(self) -> None:
        if not self.commands:
            from asd_bench.plugins import host

            host().tell("asd_commands", cli=self)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="asd-bench", prog_name="asd-bench")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Benchmark anomalous sound detection systems by the DCASE Challenge's own rules.

    \b
    A first run, without any download:
      asd-bench run --system mel-knn --dataset synthetic
      asd-bench leaderboard
      asd-bench ui
    On real audio:
      asd-bench run --system mel-knn --dataset dcase2023 --data-root FOLDER
    """
    ctx.obj = {"debug": debug}


def main() -> None:
    """Entry point: exit code 0 all well, 1 fits failed, 2 usage or configuration."""
    debug = "--debug" in sys.argv
    try:
        # A Ctrl-C becomes click's Abort; usage errors are click's own with code 2.
        code = cli.main(standalone_mode=False)
    except BenchError as error:
        if debug:
            raise
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(str(error), err=True)
        sys.exit(EXIT_USAGE)
    except OSError as error:
        if debug:
            raise
        # A full disk, a folder without permission: the system's own words and the file say what is wrong.
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(str(error), err=True)
        sys.exit(EXIT_FAILED_FITS)
    except click.Abort:
        click.echo("\ninterrupted; the same command goes on where this one stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_USAGE)
    sys.exit(code or 0)
