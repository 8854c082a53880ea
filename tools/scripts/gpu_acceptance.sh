#!/usr/bin/env bash
# gpu_acceptance.sh FOLDER: on a machine with an NVIDIA GPU, measures everything that the project claims of GPUs and writes
# it into FOLDER: documents of every step, and report.txt with the machine, driver, versions and date on top and a line for
# each claim: PASS, FAIL or NOT RUN with its reason. Ends with 0 when nothing failed, 5 when something did, 4 where there is
# no GPU. Takes about half an hour.
#
# PPPLAN names the program (beside this script in an unpacked archive, else of build/release); TESTS the folder with
# test_gpu_kernels and gpu_kernel_rates of a build, whose steps are NOT RUN without it. LAYERS (16) is the length of the
# model that runs on slices. STEPS, such as "kernels slices", are the steps to take, all of them unless set.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ $# -ne 1 ]; then
  sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
folder=$1
layers=${LAYERS:-16}
steps=${STEPS:-kernels rates profile slices nccl sanitizer}
mkdir -p "$folder" || exit 2
report="$folder/report.txt"
failed=0

find_program() {
  local candidate
  for candidate in "${PPPLAN:-}" "$here/bin/ppplan" "$here/../bin/ppplan" "$here/../../build/release/bin/ppplan"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then printf '%s\n' "$candidate"; return; fi
  done
  printf '%s\n' "gpu_acceptance: no ppplan found; name it in PPPLAN" >&2
  return 1
}
ppplan=$(find_program) || exit 2
tests=${TESTS:-$(dirname "$ppplan")}

say() { printf '%s\n' "$*" | tee -a "$report"; }
line() {  # line VERDICT CLAIM FIGURE...
  local verdict=$1 claim=$2
  shift 2
  [ "$verdict" = FAIL ] && failed=1
  say "$(printf '%-8s %-58s %s' "$verdict" "$claim" "$*")"
}
wants() { case " $steps " in *" $1 "*) return 0 ;; *) return 1 ;; esac }
# number KEY FILE: the first value of a key in an indented document.
number() { sed -n "s/^ *\"$1\": *\"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" "$2" | head -n 1; }
# below VALUE LIMIT: whether |VALUE| <= LIMIT, both there.
below() { awk -v v="$1" -v l="$2" 'BEGIN { if (v == "") exit 1; v = v < 0 ? -v : v; exit !(v <= l) }'; }
percent() { awk -v v="$1" 'BEGIN { if (v == "") print "none"; else printf "%.2f %%", 100 * v }'; }

# A step that says "no CUDA device" ends everything: nothing of this can be claimed here.
require_gpu() {
  "$ppplan" profile --backend cuda --model llama8b --max-tokens 16 --max-batch 1 --max-kv 16 --seconds 5 --warm-up 0 \
    --format json >"$folder/probe.json" 2>"$folder/probe.err"
  local status=$?
  [ "$status" -eq 0 ] && return
  say "NOT RUN: $(head -n 1 "$folder/probe.err")"
  exit "$status"
}

machine() {
  say "gpu_acceptance, $(date -u +%Y-%m-%dT%H:%M:%SZ)"
  say "program:  $("$ppplan" --version), $(sha256sum "$ppplan" | cut -c1-16)"
  say "kernel:   $(uname -sr), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
  require_gpu
  local key
  for key in gpu gpu_bus_id gpu_processors gpu_memory_bytes compute_capability driver cuda_driver cuda_runtime cublaslt nccl; do
    say "$(printf '%-20s %s' "$key:" "$(number "$key" "$folder/probe.json")")"
  done
  command -v nvidia-smi >/dev/null && nvidia-smi -q >"$folder/nvidia_smi.txt" 2>&1
  say ""
}

# clocks WORDS: notes clocks, power and temperature, by which a throttled measurement can be told.
clocks() {
  command -v nvidia-smi >/dev/null || return 0
  printf '%s, %s, %s\n' "$(date -u +%H:%M:%S)" "$1" "$(nvidia-smi --query-gpu=clocks.sm,clocks.mem,power.draw,temperature.gpu,clocks_throttle_reasons.active --format=csv,noheader | tr '\n' ';')" >>"$folder/clocks.csv"
}

kernels() {
  if [ ! -x "$tests/test_gpu_kernels" ]; then line "NOT RUN" "kernels against their host references" "no test_gpu_kernels in $tests"; return; fi
  if "$tests/test_gpu_kernels" >"$folder/kernels.txt" 2>&1 && ! grep -q SKIPPED "$folder/kernels.txt"
  then line PASS "kernels against their host references" "$(grep -c '^\[       OK' "$folder/kernels.txt") operations"
  else line FAIL "kernels against their host references" "see kernels.txt"; fi
}

# gpu_kernel_rates prints lines "NAME FRACTION LEAST WORDS".
rates() {
  if [ ! -x "$tests/gpu_kernel_rates" ]; then line "NOT RUN" "rates of products and attention" "no gpu_kernel_rates in $tests"; return; fi
  "$tests/gpu_kernel_rates" >"$folder/rates.txt" 2>"$folder/rates.err" || { line FAIL "rates of products and attention" "see rates.err"; return; }
  local name fraction least words
  while read -r name fraction least words; do
    if awk -v f="$fraction" -v l="$least" 'BEGIN { exit !(f >= l) }'
    then line PASS "$name at least $(percent "$least")" "$(percent "$fraction") ($words)"
    else line FAIL "$name at least $(percent "$least")" "$(percent "$fraction") ($words)"; fi
  done <"$folder/rates.txt"
}

profile() {
  local model start
  for model in llama70b llama8b; do
    start=$SECONDS
    clocks "before profile of $model"
    if "$ppplan" profile --backend cuda --model "$model" --out "$folder/$model.profile.json" >"$folder/$model.profile.txt" 2>&1
    then
      if [ $((SECONDS - start)) -le 300 ]
      then line PASS "full profile of a $model layer in 300 s" "$((SECONDS - start)) s, $model.profile.json"
      else line FAIL "full profile of a $model layer in 300 s" "$((SECONDS - start)) s"; fi
    else line FAIL "full profile of a $model layer" "$(tail -n 1 "$folder/$model.profile.txt")"; fi
    clocks "after profile of $model"
  done
}

# A llama8b of fewer layers.
write_model() {
  cat >"$folder/model.json" <<JSON
{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
 "num_hidden_layers": $layers, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 128256,
 "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 500000, "torch_dtype": "bfloat16"}
JSON
}

# slice_device SIZE: profiles a slice once; prints the device's name.
slice_device() {
  local file="$folder/slice_$1.json"
  [ -s "$file" ] || "$ppplan" profile --backend cuda --slice "$1" --model "$folder/model.json" --max-tokens 2048 \
    --max-batch 64 --max-kv 2048 --seconds 60 --format json >"$file" 2>"$folder/slice_$1.err" || return 1
  number device "$file"
}

# run_slices SIZES: a plan for stages on slices of these sizes, and its runs.
run_slices() {
  local sizes=$1 name="slices_${1//,/_}" gpus="" arguments=() size device memory phase run error gap
  local count
  count=$(awk -F, '{ print NF }' <<<"$sizes")
  memory=$(( $(number gpu_memory_bytes "$folder/probe.json") / count / 1048576 ))
  for size in ${sizes//,/ }; do
    device=$(slice_device "$size") || { line FAIL "slices $sizes" "no profile of $size multiprocessors: $(tail -n 1 "$folder/slice_$size.err")"; return; }
    gpus="${gpus:+$gpus,}1x$device"
    # What the profile says of a layer decides; rates stand for what it does not hold.
    case " ${arguments[*]:-} " in *" $device:"*) ;; *)
      arguments+=(--gpu-spec "$device:mem=${memory}MiB,bw=$((25 * size))GB/s,bf16=$((5 * size))TFLOPS" --profile "$folder/slice_$size.json") ;;
    esac
  done
  "$ppplan" search --model "$folder/model.json" --gpus "$gpus" "${arguments[@]}" --tp 1 --pp "$count" --isl 1024 --osl 64 \
    --concurrency 32 --max-num-batched-tokens 1024 --max-model-len 2048 --out "$folder/$name.plan.json" >"$folder/$name.plan.txt" 2>&1 ||
    { line FAIL "plan for slices $sizes" "$(tail -n 1 "$folder/$name.plan.txt")"; return; }
  for phase in prefill decode; do
    run="$folder/$name.$phase.json"
    clocks "before slices $sizes, $phase"
    "$ppplan" run --plan "$folder/$name.plan.json" --backend cuda --slices auto --wires replay --phase "$phase" --repeats 5 \
      --tolerance 0.05 --format json >"$run" 2>"$run.err"
    error=$(number error_fraction "$run") gap=$(number executor_gap_fraction "$run")
    if [ "$(number outputs_match "$run")" = true ]
    then line PASS "slices $sizes, $phase: outputs of one device" "within what rounding explains"
    else line FAIL "slices $sizes, $phase: outputs of one device" "$(tail -n 1 "$run.err")"; fi
    if below "$error" 0.05
    then line PASS "slices $sizes, $phase: makespan within 5 %" "$(percent "$error")"
    else line FAIL "slices $sizes, $phase: makespan within 5 %" "$(percent "$error")"; fi
    if below "$gap" 0.03
    then line PASS "slices $sizes, $phase: at most 3 % besides operations" "$(percent "$gap")"
    else line FAIL "slices $sizes, $phase: at most 3 % besides operations" "$(percent "$gap")"; fi
  done
}

# Sizes in units of the least slice of this GPU (8 on compute capability 9.0), most of the GPU used.
slices() {
  write_model
  local processors unit
  processors=$(number gpu_processors "$folder/probe.json")
  unit=${SLICE_UNIT:-8}
  local units=$((processors / unit)) size
  for count in 2 4 8; do
    [ "$units" -ge "$count" ] || { line "NOT RUN" "$count slices" "the GPU has $units groups of $unit multiprocessors"; continue; }
    size=$((units / count))
    run_slices "$(even "$count" $((size * unit)))"
    run_slices "$(uneven "$count" "$units" "$unit")"
  done
}

# even COUNT SIZE: the size as often as that.
even() {
  local out=$2 i
  for ((i = 1; i < $1; ++i)); do out="$out,$2"; done
  printf '%s\n' "$out"
}

# uneven COUNT UNITS UNIT: sizes that grow from stage to stage, at least one unit each and all of them together no more
# than there are.
uneven() {
  awk -v count="$1" -v units="$2" -v unit="$3" 'BEGIN {
    total = count * (count + 1) / 2
    for (i = 1; i <= count; ++i) {
      share = int(units * i / total)
      if (share < 1) share = 1
      used += share
      out = out (i > 1 ? "," : "") share * unit
      last = share
    }
    if (used > units) { sub(/,[0-9]+$/, "," (last - (used - units)) * unit, out) }
    print out
  }'
}

# A process for each stage; where there are fewer GPUs the ranks share them, for correctness only.
nccl() {
  local stages plan run
  write_model
  local device
  device=$(number device "$folder/probe.json")
  for stages in 2 3 4; do
    plan="$folder/nccl_$stages.plan.json" run="$folder/nccl_$stages.json"
    "$ppplan" search --model "$folder/model.json" --gpus "${stages}x$device" --tp 1 --pp "$stages" --isl 1024 --osl 64 \
      --concurrency 32 --out "$plan" >"$plan.txt" 2>&1 || { line FAIL "NCCL, $stages stages: plan" "$(tail -n 1 "$plan.txt")"; continue; }
    "$ppplan" run --plan "$plan" --backend cuda --transport nccl --repeats 3 --format json >"$run" 2>"$run.err"
    if [ "$(number outputs_match "$run")" = true ]
    then
      if grep -q '"correctness_only": true' "$run"
      then line PASS "NCCL, $stages ranks that share GPUs: outputs of one device" "correctness only"
      else line PASS "NCCL, $stages ranks: outputs of one device" "median $(number median "$run") s"; fi
    else line FAIL "NCCL, $stages stages: outputs of one device" "$(tail -n 1 "$run.err")"; fi
  done
}

sanitizer() {
  local tool
  tool=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
  if [ -z "$tool" ] || [ ! -x "$tests/test_gpu_kernels" ]
  then line "NOT RUN" "compute-sanitizer" "needs compute-sanitizer and test_gpu_kernels in $tests"; return; fi
  local check
  for check in memcheck racecheck; do
    if "$tool" --tool "$check" --error-exitcode 9 env PPPLAN_GPU_SEEDS=2 "$tests/test_gpu_kernels" >"$folder/sanitizer_$check.txt" 2>&1
    then line PASS "compute-sanitizer $check of the kernels" "clean"
    else line FAIL "compute-sanitizer $check of the kernels" "see sanitizer_$check.txt"; fi
  done
}

: >"$report"
machine
for step in kernels rates profile slices nccl sanitizer; do
  if wants "$step"; then "$step"; else line "NOT RUN" "$step" "not among STEPS"; fi
done
[ "$failed" -eq 0 ] || exit 5
