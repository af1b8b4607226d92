# SPDX-License-Identifier: MIT
# Completion of relayctl for fish.  The words come from relayctl itself, which
# has them from its table of commands and asks the daemon for names.
function __relayctl_words
    set -l said
    set -l skip 0
    set -l words (commandline -opc)

    # relayctl's own options are not part of a command.
    for word in $words[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case --socket --url --env --columns
                set skip 1
            case --json --csv --chart --help -h
            case '*'
                set -a said $word
        end
    end
    if test "$words[-1]" = --env
        relayctl --complete env '' 2>/dev/null
        return
    end
    relayctl --complete $said (commandline -ct) 2>/dev/null
    printf '%s\n' --json --csv --help
end

# A file follows these.
function __relayctl_wants_file
    set -l words (commandline -opc)
    switch $words[-1]
        case --socket '--*-file'
            return 0
        case --from
            contains -- "$words[2]" price account
            return $status
    end
    return 1
end

complete -c relayctl -f
complete -c relayctl -n __relayctl_wants_file -F
complete -c relayctl -n 'not __relayctl_wants_file' -a '(__relayctl_words)'
