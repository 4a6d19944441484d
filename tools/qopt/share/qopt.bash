# Completion of qopt for bash. It asks the tool, so it knows what that knows.

_qopt_verbs() { qopt help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p'; }
_qopt_passes() { qopt help passes 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/--\1/p'; }
_qopt_flags() { qopt "$1" --help 2>/dev/null | grep -oE '^  (-[a-z], )?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+'; }
# The values of a flag that has a list of them: `--format mlir|gguf`.
_qopt_values() {
  qopt "$1" --help 2>/dev/null | sed -nE "s/^  (-[a-z], )?$2 ([a-z0-9.+-]+(\|[a-z0-9.+-]+)+).*/\2/p" | tr '|' '\n'
}

_qopt() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_qopt_verbs)" -- "$word"; compgen -f -- "$word")
    return
  fi
  if [ "$verb" = help ]; then
    mapfile -t COMPREPLY < <(compgen -W "passes $(_qopt_verbs) $(_qopt_passes | sed 's/^--//')" -- "$word")
    return
  fi
  if [ -e "$verb" ]; then
    [[ $word == -* ]] && mapfile -t COMPREPLY < <(compgen -W "$(_qopt_passes) --emit -o" -- "$word")
  elif [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_qopt_flags "$verb")" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -W "$(_qopt_values "$verb" "$previous")" -- "$word")
  fi
  [ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
}
complete -o filenames -F _qopt qopt
