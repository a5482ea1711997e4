"""``pluxel completion``: the script that completes commands in a shell."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    r"""Print the script that completes commands, names and keys in a SHELL.

    \b
    bash, in ~/.bashrc:  source <(pluxel completion bash)
    zsh, in ~/.zshrc:    source <(pluxel completion zsh)
    fish, once:          pluxel completion fish > ~/.config/fish/completions/pluxel.fish
    """
    from click.shell_completion import get_completion_class

    from ._completion_scripts import register

    register()
    script = get_completion_class(shell)
    assert script
    context = click.get_current_context().find_root()
    click.echo(script(context.command, {}, "pluxel", "_PLUXEL_COMPLETE").source())
