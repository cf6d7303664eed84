"""The command line: one file per verb."""

import errno
import sys
import traceback
from importlib import import_module

import click
from click.exceptions import Exit

from batchpredict import __version__
from batchpredict.errors import BatchpredictError
from batchpredict.pipeline_files import unknown

VERBS = {
    "init": "batchpredict.cli.init",
    "components": "batchpredict.cli.components",
    "pipelines": "batchpredict.cli.pipelines",
    "compile": "batchpredict.cli.compile",
    "check": "batchpredict.cli.check",
    "config": "batchpredict.cli.config",
    "run": "batchpredict.cli.run",
    "local": "batchpredict.cli.local",
    "submit": "batchpredict.cli.submit",
    "status": "batchpredict.cli.status",
    "logs": "batchpredict.cli.logs",
    "cancel": "batchpredict.cli.cancel",
    "report": "batchpredict.cli.report",
    "schedule": "batchpredict.cli.schedule",
    "backfill": "batchpredict.cli.backfill",
    "upload": "batchpredict.cli.upload",
    "orphans": "batchpredict.cli.orphans",
    "doctor": "batchpredict.cli.doctor",
}
LONGEST = 500
REPORT = "`batchpredict --debug VERB …` shows where; please report it"


class _LateCommands(click.Group):
    """Imports a verb when it is called: ``--help`` must not wait for Google's libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            raise click.UsageError(unknown("command", cmd_name, list(VERBS)))
        command: click.Command = import_module(VERBS[cmd_name]).command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb; with ``--debug`` an error shows where it comes from, but no values."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, Exit):
            raise
        except Exception:
            if ctx.params["debug"]:
                click.echo(traceback.format_exc(), err=True)
            raise


@click.group(cls=_LateCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="batchpredict")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
def commands(debug: bool) -> None:
    """Batch prediction pipelines for Vertex AI that run unchanged on this machine.

    Exit codes: 0 done, 1 the run or check failed, 2 usage, 3 environment, 4 the run took too long,
    130 interrupted.
    """


def main() -> None:
    """Run the command and exit with its code; an error is one line on standard error."""
    try:
        commands.main(prog_name="batchpredict", standalone_mode=False)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f"; see `{context.command_path} --help`" if context else ""
        click.echo(f"Error: E109 {error.format_message().rstrip('.')}{hint}", err=True)
        sys.exit(2)
    except BatchpredictError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        text = f"E303 the disk is full: {error}" if full else f"E305 the system refused: {error}"
        click.echo(f"Error: {text}", err=True)
        sys.exit(3)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted: every process of this command has been stopped.", err=True)
        sys.exit(130)
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]
        click.echo(f"Error: E456 a fault of batchpredict: {text}; {REPORT}", err=True)
        sys.exit(1)
