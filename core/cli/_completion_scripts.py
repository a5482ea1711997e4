"""The scripts that make a shell ask Pluxel for completions."""

from __future__ import annotations

import os

from click.shell_completion import (
    BashComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)


class _Bash(BashComplete):
    """Bash breaks words at '=' and ':'; this takes the whole word, and offers the rest of it."""

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n'
    local line="${COMP_LINE:0:$COMP_POINT}"
    local word="${line##* }" broken="${COMP_WORDS[COMP_CWORD]}"
    [[ "$broken" == [=:] ]] && broken=""
    local before="${word%%"$broken"}"
    local response type value
    response=$(env COMP_LINE="$line" %(complete_var)s=bash_complete $1)
    for completion in $response; do
        IFS=',' read type value <<< "$completion"
        if [[ $type == 'dir' ]]; then
            COMPREPLY=()
            compopt -o dirnames
        elif [[ $type == 'file' ]]; then
            COMPREPLY=()
            compopt -o default
        elif [[ $type == 'plain' ]]; then
            [[ $value == *[=./] ]] && compopt -o nospace
            COMPREPLY+=("${value#"$before"}")
        fi
    done
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)
        return (words[1:], "") if line[-1:].isspace() else (words[1:-1], words[-1])


class _Zsh(ZshComplete):
    """Adds no space after a key, whose value follows."""

    source_template = ZshComplete.source_template.replace(
        "compadd -U -V unsorted -a completions",
        """if [[ "${completions[1]}" == *[=./] ]]; then
            compadd -U -S '' -V unsorted -a completions
        else
            compadd -U -V unsorted -a completions
        fi""",
    )


def register() -> None:
    """Make click use these scripts."""
    add_completion_class(_Bash)
    add_completion_class(_Zsh)
