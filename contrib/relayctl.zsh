#compdef relayctl
# SPDX-License-Identifier: MIT
# Completion of relayctl for zsh.  The words come from relayctl itself, which
# has them from its table of commands and asks the daemon for names.
_relayctl()
{
    local word skip=0 before=${words[CURRENT-1]}
    local -a said found

    # A file follows these.
    case $before in
    --socket | --*-file)
        _files
        return
        ;;
    --from)
        if [[ ${words[2]} == (price|account) ]]; then
            _files
            return
        fi
        ;;
    --env)
        found=(${(f)"$(relayctl --complete env '' 2>/dev/null)"})
        compadd -a found
        return
        ;;
    esac
    # relayctl's own options are not part of a command.
    for word in ${words[2,CURRENT-1]}; do
        if (( skip )); then
            skip=0
            continue
        fi
        case $word in
        --socket | --url | --env | --columns) skip=1 ;;
        --json | --csv | --chart | --help | -h) ;;
        *) said+=("$word") ;;
        esac
    done
    found=(${(f)"$(relayctl --complete "${said[@]}" \
        "${words[CURRENT]}" 2>/dev/null)"} --json --csv --help)
    compadd -a found
}
_relayctl "$@"
