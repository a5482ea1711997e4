"""``pluxel plugins``: list components, explain a name, and find what is broken."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import click

from ...registry import KINDS, Component, Host, LoadFailure, PluxelError
from ..common.text import readable
from ._completed import completed
from ._groups import Group
from ._options import as_json
from ._session import Session

Row = tuple[str, Component]
"""A kind and a component of this kind."""


@click.group(cls=Group)
def plugins() -> None:
    """List components, explain a name, and find what is broken."""


@plugins.command("list")
@click.option(
    "--kind",
    metavar="KIND",
    help=f"List only this kind: {', '.join(KINDS)}.",
    shell_complete=completed("kind"),
)
@as_json("Print a JSON list of objects instead of text.")
@click.pass_obj
def list_(session: Session, kind: str | None, as_json: bool) -> None:
    """List every component of every plugin."""
    host = session.host
    kinds = [kind] if kind else list(KINDS)
    rows = [(each, component) for each in kinds for component in host.components(each)]
    if as_json:
        import json

        click.echo(json.dumps([_record(host, *row) for row in rows], indent=2))
    elif sys.stdout.isatty():
        _print_table(rows)
    else:
        _print_lines(rows)
    for failure in host.failures:  # with --json, stdout must contain only JSON
        click.echo(f"{failure}: run pluxel plugins doctor for details", err=as_json)


@plugins.command()
@click.argument("kind", shell_complete=completed("kind"))
@click.argument("name", shell_complete=completed("name"))
@click.pass_obj
def why(session: Session, kind: str, name: str) -> None:
    """Show which component of a KIND has this NAME, and where it comes from."""
    host = session.host
    owners = host.owners(kind, name)
    for component in owners:
        _print_origin(host, kind, component)
        _print_parameters(host, kind, component)
    _print_search(host)
    for failure in host.failures:
        click.echo(str(failure))
    host.get(kind, name)  # raises for an unknown or an ambiguous name
    namesakes = [other for other in host.owners(kind, owners[0].name) if other not in owners]
    for other in namesakes:
        click.echo(f"{owners[0].name!r} alone is ambiguous: {other.qualified} also has this name")


@plugins.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Load every plugin, import every component and check its signature.

    Builds nothing: config check finds missing attributes that a constructor sets. Then plugins
    check what they need themselves.

    Exit code 1 if anything is broken; a missing package or a warning is not.
    """
    from ._doctor import Diagnosis, diagnose, diagnose_command, diagnosis_of
    from ._main import Commands

    host: Host = ctx.obj.host
    results = [Diagnosis("FAILED", _details(failure)) for failure in host.failures]
    results += [diagnose(host, kind, one) for kind in KINDS for one in host.components(kind)]
    results += [diagnose_command(host, one, Commands.table) for one in host.commands]
    results += [diagnosis_of(*check) for check in host.health_checks()]
    for state, text in results:
        click.echo(f"{state:<7} {text}")
    _print_search(host)
    count = Counter(result.state for result in results)
    broken = count["FAILED"]
    summary = [f"{broken} broken" if broken else "nothing is broken"]
    if absent := count["absent"]:
        summary.append(f"{absent} need{'s' * (absent == 1)} packages that are not installed")
    if warned := count["warning"]:
        summary.append(f"{warned} with warnings")
    click.echo(", ".join(summary))
    ctx.exit(1 if broken else 0)


@plugins.command()
@click.argument("plugin", shell_complete=completed("plugin"))
@click.option(
    "--kind",
    "kinds",
    metavar="KIND",
    multiple=True,
    help="Check only this kind.",
    shell_complete=completed("kind"),
)
@click.option(
    "--check",
    "only",
    metavar="NAME",
    multiple=True,
    help="Run only this check.",
    shell_complete=completed("check"),
)
@click.option(
    "--parameter",
    "settings",
    metavar="KIND/NAME.KEY=VALUE",
    multiple=True,
    help="Set a parameter of a component, such as dataset/acme.root=data. Repeatable.",
    shell_complete=completed("parameter"),
)
@click.option(
    "--expected-failure",
    "expected",
    metavar="KIND/NAME.CHECK=REASON",
    multiple=True,
    help="A check that must fail, such as decoder/acme.export=needs opset 20. Repeatable.",
    shell_complete=completed("expected"),
)
@as_json("Print a JSON list of results instead of text.")
@click.pass_context
def test(
    ctx: click.Context,
    plugin: str,
    kinds: tuple[str, ...],
    only: tuple[str, ...],
    settings: tuple[str, ...],
    expected: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run the conformance checks on a PLUGIN: an installed distribution, or a file.

    Exit code 1 if a check fails, or passes although it must fail. A component that cannot be built
    is not checked further.
    """
    from ._conformance import run_checks

    results = list(run_checks(ctx.obj, plugin, kinds, only, settings, expected, quiet=as_json))
    failed = sum(not one.passed for one in results)
    if as_json:
        import json

        click.echo(json.dumps([one._asdict() for one in results], indent=2))
    else:
        click.echo(f"{len(results) - failed} passed, {failed} failed")
    ctx.exit(1 if failed else 0)


def _details(failure: LoadFailure) -> str:
    """Return why a plugin failed, with a traceback if the plugin's own code raised an error."""
    text = str(PluxelError(f"{failure.provider}: {failure.error}", failure.notes))
    return f"{text}\n{failure.traceback}".rstrip()


def _record(host: Host, kind: str, component: Component) -> dict[str, object]:
    return {
        "kind": kind,
        **asdict(component),
        "qualified": component.qualified,
        "version": host.providers[component.provider].version,
    }


def _print_lines(rows: Sequence[Row]) -> None:
    names = max((len(component.name) for _, component in rows), default=0)
    providers = max((len(component.provider) for _, component in rows), default=0)
    for kind, component in rows:
        name, provider = component.name.ljust(names), component.provider.ljust(providers)
        click.echo(f"{kind:<9}  {name}  {provider}  {readable(component.summary)}")


def _print_table(rows: Sequence[Row]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("kind", "name", "provider", "summary", box=SIMPLE_HEAD)
    for kind, component in rows:
        name, summary = (
            Text(component.name, "bold"),
            Text(readable(component.summary)),
        )  # may contain [
        table.add_row(kind, name, component.provider, summary)
    Console().print(table)


def _print_origin(host: Host, kind: str, component: Component) -> None:
    provider = host.providers[component.provider]
    click.echo(f"{kind} {component.qualified}: {readable(component.summary)}")
    for title, value in (
        ("target", component.target),
        ("provider", f"{provider.name} {provider.version}".rstrip()),
        ("entry point", ", ".join(provider.entry_points)),
        ("file", provider.location),
        ("formerly", ", ".join(provider.former_names)),
        ("aliases", ", ".join(component.aliases)),
        ("renamed from", ", ".join(component.renamed_from)),
        ("extra", component.extra),
    ):
        if value:
            click.echo(f"  {title:<12}  {value}")


def _print_parameters(host: Host, kind: str, component: Component) -> None:
    from ._parameters import parameter_lines

    lines = parameter_lines(host, kind, component)
    if lines:
        click.echo("  parameters")
    for line in lines:
        click.echo(f"    {line}")


def _print_search(host: Host) -> None:
    searched = (f"{each.name} {each.version}".rstrip() for each in host.providers.values())
    click.echo(f"searched: {', '.join(searched) or 'nothing'}")
    for name, reason in host.excluded.items():
        click.echo(f"plugin {name} is {reason}")
