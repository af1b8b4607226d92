# SPDX-License-Identifier: MIT
# Completion of relayctl for bash.  The words come from relayctl itself, which
# has them from its table of commands and asks the daemon for names.
_relayctl()
{
    local IFS=$'\n' i word words=()

    # A file follows these.
    case ${COMP_WORDS[COMP_CWORD-1]} in
    --socket | --*-file)
        compopt -o filenames
        COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
        return
        ;;
    --from)
        case ${COMP_WORDS[1]} in
        price | account)
            compopt -o filenames
            COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
            return
            ;;
        esac
        ;;
    --env)
        COMPREPLY=($(compgen -W "$(relayctl --complete env '' 2>/dev/null)" \
            -- "${COMP_WORDS[COMP_CWORD]}"))
        return
        ;;
    esac
    # relayctl's own options are not part of a command.
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --socket | --url | --env | --columns) ((i++)) ;;
        --json | --csv | --chart | --help | -h) ;;
        *) words+=("$word") ;;
        esac
    done
    COMPREPLY=($(compgen \
        -W "$(relayctl --complete "${words[@]}" "${COMP_WORDS[COMP_CWORD]}" \
            2>/dev/null)"$'\n--json\n--csv\n--help' \
        -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _relayctl relayctl
