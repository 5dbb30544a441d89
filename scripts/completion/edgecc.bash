# Completion of edgecc for bash: source this file, or install it among bash-completion's.

_edgecc_options() { # _edgecc_options COMMAND: its options
  case $1 in
    run) echo "--shape --test-data --rtol --atol --input --output-dir --images --mean --scale" \
              "--layout --order --fit --threads --profile --json --help" ;;
    bench) echo "--threads --runs --test-data --json --help" ;;
    inspect) echo "--json --calibration --help" ;;
    verify) echo "--shape --help" ;;
    opt) echo "--passes --output --shape --target --cpu --load-pass --elide --list-passes" \
              "--statistics --calibrate --calibrate-samples --mean --scale --layout --order --fit" \
              "--help" ;;
    ops) echo "--markdown --help" ;;
    *) echo "--output --emit --shape --shapes-from --freeze --image-input --target --cpu" \
            "--symbol --threads --passes --load-pass --print-after --time-passes --verify-each" \
            "--quiet --version --help" ;;
  esac
}

_edgecc_values() { # _edgecc_values OPTION: words that may follow; nothing for other kinds of value
  case $1 in
    --emit) echo "blob obj lib asm llvm ir onnx" ;;
    --target) echo "native x86-64 aarch64 riscv64 x86-64-none aarch64-none riscv64-none" ;;
    --cpu) echo "host baseline avx2 avx512 avx512vnni neon dotprod rv64gc rv64gcv" ;;
    --layout) echo "NCHW NHWC" ;;
    --order) echo "RGB BGR GRAY" ;;
    --fit) echo "stretch letterbox" ;;
    --passes | --print-after) edgecc opt --list-passes 2>/dev/null | cut -d' ' -f1 ;;
  esac
}

_edgecc() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command= values
  COMPREPLY=()
  case ${COMP_WORDS[1]} in
    run | bench | inspect | verify | opt | ops) command=${COMP_WORDS[1]} ;;
  esac
  values=$(_edgecc_values "$previous")
  if [ -n "$values" ]; then
    COMPREPLY=($(compgen -W "$values" -- "$word"))
    return
  fi
  case $previous in
    --threads | --runs | --rtol | --atol | --mean | --scale | --symbol | --elide | --shape | \
      --image-input) return ;;
    --shapes-from | --test-data | --output-dir)
      COMPREPLY=($(compgen -d -- "$word"))
      return
      ;;
  esac
  # NAME=FILE comes in three words, because = separates words.
  if [ "$word" = "=" ]; then
    word=
  fi
  case $word in
    -*) COMPREPLY=($(compgen -W "$(_edgecc_options "$command")" -- "$word")) ;;
    *)
      COMPREPLY=($(compgen -f -- "$word"))
      if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY+=($(compgen -W "run bench inspect verify opt ops" -- "$word"))
      fi
      ;;
  esac
}

complete -o filenames -F _edgecc edgecc
