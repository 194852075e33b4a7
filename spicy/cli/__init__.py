"""The command line. Commands live in modules that load when called: `spicy --help` must cost nothing."""

from __future__ import annotations

import gc
import importlib
import os
import sys

import click

from spicy import __version__
from spicy.errors import SpecError, SpicyError, StoreError, UsageError

_COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("spicy.cli.scaffold", "Scaffold a project: dodo.py, a spec, .gitignore."),
    "new": ("spicy.cli.scaffold", "Write a spec from a concept."),
    "build": ("spicy.cli.build", "Make everything that is stale."),
    "plan": ("spicy.cli.plan", "Show what a build would make, why, and what it would cost."),
    "why": ("spicy.cli.plan", "Explain one target: its inputs, old and new, and what follows."),
    "freeze": ("spicy.cli.scaffold", "Write the ideated story back into the spec, to edit it."),
    "costs": ("spicy.cli.history", "Show what was spent, and what the store saved."),
    "runs": ("spicy.cli.history", "List the builds of this project."),
    "report": ("spicy.cli.history", "Write a film's report again, with whatever is there."),
    "clean": ("spicy.cli.history", "Tidy a film's folder up."),
    "cache": ("spicy.cli.cache", "Look after the store: stats, verify, gc."),
    "schema": ("spicy.cli.history", "Print the JSON Schema of specs (or recipes), for editors."),
    "serve": ("spicy.cli.serve", "Serve video, chat and image jobs over HTTP."),
    "worker": ("spicy.cli.serve", "Do the jobs of a server elsewhere."),
    "doctor": ("spicy.cli.doctor", "Check ffmpeg, provider, key, store and disk."),
}


class _Lazy(click.Group):
    """A group whose commands are imported when they are needed, and listed without being imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], _COMMANDS, 1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            raise click.UsageError(error.message + hint, ctx) from None


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="spicy %(version)s")
def spicy() -> None:
    """Make for AI video: a short YAML spec in, a multi-scene film out, nothing paid twice.

    Exit codes: 0 done, 1 a target failed, 2 spec or usage error, 3 stopped by the budget, 130 interrupted.
    """


def main() -> None:
    """Run the command line and translate what it raises into words and exit codes."""
    # Most commands end before a collection could free anything; a real build turns it on again.
    gc.disable()
    try:
        code = spicy(standalone_mode=False)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.stdout.flush()
        os._exit(130)  # at once: Python would wait for every worker thread
    except SpecError as error:
        click.echo(str(error), err=True)
        code = 2
    except (UsageError, StoreError) as error:
        click.echo(f"spicy: {error}", err=True)
        code = 2
    except SpicyError as error:
        click.echo(f"spicy: {error}", err=True)
        code = 1
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"spicy: {place}{error.strerror or error}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
