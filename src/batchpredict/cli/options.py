"""The options that verbs share."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from batchpredict.config.settings import FLAGS

Command = Callable[..., Any]


def output_option(command: Command) -> Command:
    """Give a verb ``--output``, as ``output``."""
    return click.option(
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="json is for programs.",
    )(command)


def parameter_option(command: Command) -> Command:
    """Give a verb ``-p NAME=VALUE``, as ``assignments``."""
    return click.option(
        "-p",
        "--parameter",
        "assignments",
        multiple=True,
        metavar="NAME=VALUE",
        help="A parameter of the pipeline; lists and dictionaries as JSON.",
    )(command)


def config_option(command: Command) -> Command:
    """Give a verb ``--config FILE``, as ``config``."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The configuration; else batchpredict.yaml, .toml or .json of this folder.",
    )(command)


def environment_option(command: Command) -> Command:
    """Give a verb ``-e NAME``, as ``environment``."""
    return click.option(
        "-e", "--env", "environment", metavar="NAME", help="The environment of the configuration."
    )(command)


def with_settings(command: Command) -> Command:
    """Give a verb the options of a configuration, and what holds by them as ``settings``."""

    @functools.wraps(command)
    def with_them(*arguments: Any, **options: Any) -> Any:
        from batchpredict.config.loading import load_settings

        file, environment = options.pop("config"), options.pop("environment")
        flags = {name: options.pop(name) for name, *_ in OVERRIDES}
        settings = load_settings(environment, file, flags)
        return command(*arguments, settings=settings, **options)

    wrapped: Command = with_them
    for name, metavar, text in reversed(OVERRIDES):
        wrapped = click.option(FLAGS[name], name, metavar=metavar, help=text)(wrapped)
    return config_option(environment_option(wrapped))


OVERRIDES = (
    ("project", "PROJECT", "The Google Cloud project."),
    ("location", "REGION", "The region, such as europe-west4."),
    ("pipeline_root", "URI", "Where runs write, such as gs://BUCKET/runs."),
    ("service_account", "ADDRESS", "The account that the steps act as."),
)
