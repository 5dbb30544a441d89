# Completion of edgecc for bash: source this file, or install it among bash-completion's.

_edgecc_compression() { # options of all commands that compress
  echo "--quantize --prune --sparsify --calibrate --calibrate-samples --ranges --save-calibration" \
       "--load-calibration --max-loss --max-size --max-time --metric --labels --rounding" \
       "--per-tensor --no-equalize --no-bias-correction --quantize-all --rewrite --report" \
       "--report-json --mean --scale --layout --order --fit"
}

_edgecc_options() { # _edgecc_options COMMAND: its options
  case $1 in
    run) echo "--shape --test-data --rtol --atol --input --output-dir --images --mean --scale" \
              "--layout --order --fit --threads --profile --json --help" ;;
    bench) echo "--threads --runs --test-data --json --balance --help" ;;
    diff) echo "--inputs --samples --threshold --json --shape --shapes-from --image-input --mean" \
               "--scale --layout --order --fit --help" ;;
    inspect) echo "--json --calibration --disassemble --budget --trace --help" ;;
    verify) echo "--shape --help" ;;
    opt) echo "--passes --output --shape --target --cpu --load-pass --elide --list-passes" \
              "--statistics --calibrate --calibrate-samples --mean --scale --layout --order --fit" \
              "--help" ;;
    ops) echo "--markdown --help" ;;
    explore) echo "--target --sweep --shape --output --html --jobs --quiet --help" \
                  "$(_edgecc_compression)" ;;
    share) echo "--target --output --batch --shape --help $(_edgecc_compression)" ;;
    *) echo "--output --emit --shape --shapes-from --freeze --image-input --target --cpu" \
            "--symbol --threads --cache --tune --exact --passes --load-pass --print-after --time-passes --verify-each" \
            "--shaves --streams --batch --compute-cap --control-cap --memory-cap --contexts" \
            "--no-host --budget --trace --quiet --version --help $(_edgecc_compression)" ;;
  esac
}

_edgecc_values() { # _edgecc_values OPTION: words that may follow; nothing for other kinds of value
  case $1 in
    --emit) echo "blob obj lib asm llvm ir onnx" ;;
    --target) echo "native x86-64 aarch64 riscv64 x86-64-none aarch64-none riscv64-none" \
                   "myriadx hailo8 hailo8l smallnpu" ;;
    --cpu) echo "host baseline avx2 avxvnni avx512 avx512vnni neon dotprod i8mm rv64gc rv64gcv" ;;
    --layout) echo "NCHW NHWC" ;;
    --order) echo "RGB BGR GRAY" ;;
    --fit) echo "stretch letterbox" ;;
    --quantize) echo "int8 int16 int4 auto w8 w4 dynamic fp16 bf16" ;;
    --ranges) echo "minmax moving-average percentile mse entropy" ;;
    --rounding) echo "nearest adaround power-of-two" ;;
    --metric) echo "agreement top1 top5 sqnr psnr" ;;
    --rewrite) echo "transposed-conv-to-pixel-shuffle space-to-depth-input" \
                    "split-large-kernels factorize" ;;
    --passes | --print-after) edgecc opt --list-passes 2>/dev/null | cut -d' ' -f1 ;;
  esac
}

_edgecc() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command= values
  COMPREPLY=()
  case ${COMP_WORDS[1]} in
    run | bench | diff | inspect | verify | opt | ops | explore | share) command=${COMP_WORDS[1]} ;;
  esac
  values=$(_edgecc_values "$previous")
  if [ -n "$values" ]; then
    COMPREPLY=($(compgen -W "$values" -- "$word"))
    return
  fi
  case $previous in
    --threads | --runs | --rtol | --atol | --mean | --scale | --symbol | --elide | --shape | \
      --image-input | --prune | --sparsify | --calibrate-samples | --max-loss | --max-size | \
      --max-time | --samples | --threshold | --shaves | --streams | --batch | --contexts | \
      --compute-cap | --control-cap | --memory-cap | --budget | --sweep | --jobs) return ;;
    --cache | --calibrate | --inputs | --shapes-from | --test-data | --output-dir)
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
        COMPREPLY+=($(compgen -W "run bench diff inspect verify opt ops explore share" -- "$word"))
      fi
      ;;
  esac
}

complete -o filenames -F _edgecc edgecc
