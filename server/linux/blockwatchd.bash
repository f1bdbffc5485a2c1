# bash completion for blockwatchd(8). Commands and options come from the program's own help, so they are never out of date.

_blockwatchd_filters="direction action scope protocol event_id port local_port remote_port address local_address
  remote_address application application_name process_id user filter_id filter_name filter_origin layer
  interface_index reason host source record_id since until q limit order format fields after include count"

_blockwatchd() {
  local current previous words cword
  _init_completion -n =: 2>/dev/null || {
    current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
  }
  current=${words[cword]} previous=${words[cword - 1]}

  case "$previous" in
    --config | --db | --token-file | --audit-policy | --tls-cert | --tls-key)
      COMPREPLY=($(compgen -f -- "$current"))
      return
      ;;
    --source)
      COMPREPLY=($(compgen -W "auto evtx: dir: nflog: stdin:jsonl stdin:xml none" -- "$current"))
      compopt -o nospace
      return
      ;;
    --scope) COMPREPLY=($(compgen -W "read import audit admin" -- "$current")); return ;;
    --preset) COMPREPLY=($(compgen -W "connections packets off" -- "$current")); return ;;
    --success | --failure) COMPREPLY=($(compgen -W "on off" -- "$current")); return ;;
    --record) COMPREPLY=($(compgen -W "block drop permit block,drop block,drop,permit" -- "$current")); return ;;
  esac

  # The command, and what belongs to it ("audit set"): the words before this one that are no options.
  local command=() word help
  for word in "${words[@]:1:cword-1}"; do
    case "$word" in -*) ;; *) [ ${#command[@]} -lt 2 ] && command+=("$word") ;; esac
  done
  help=$(blockwatchd "${command[@]}" --help 2>/dev/null) || help=$(blockwatchd "${command[0]}" --help 2>/dev/null)

  if [ "${command[0]}" = query ] && [[ $current != -* ]]; then
    COMPREPLY=($(compgen -W "${_blockwatchd_filters//[[:space:]]/= }=" -- "$current"))
    compopt -o nospace
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$(grep -oE -- '(^|[ ,])--[a-z][a-z-]*' <<<"$help" | tr -d ' ,')" -- "$current"))
  elif [ "${command[0]}" = import ]; then
    COMPREPLY=($(compgen -f -- "$current"))
  else
    COMPREPLY=($(compgen -W "$(sed -n '/^Subcommands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' <<<"$help")" -- "$current"))
  fi
}
complete -o filenames -F _blockwatchd blockwatchd
