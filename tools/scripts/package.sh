#!/usr/bin/env bash
# tools/scripts/package.sh [FOLDER]: builds one relocatable archive of the program and what it needs, tries it, and leaves
# it in FOLDER (here, unless named).
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
to=$(cd "${1:-.}" && pwd)
most_bytes=$((60 * 1024 * 1024))
install_missing

build="$root/build/package"
if [ ! -f "$build/build.ninja" ]; then
  # Ranks of an MPI job need the MPI of their own machine, so this one has none.
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPPPLAN_TESTS=OFF -DPPPLAN_MPI=OFF >/dev/null
fi
build_target ppplan
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && cpack --config "$build/CPackConfig.cmake" >cpack.log) || { tail -n 20 "$folder/cpack.log" >&2; exit 1; }
archive=$(ls "$folder"/ppplan-*.tar.gz)
bytes=$(stat -c %s "$archive")
[ "$bytes" -le "$most_bytes" ] || { say "the archive has $bytes bytes, more than $most_bytes"; exit 1; }

mkdir "$folder/tried"
tar -xzf "$archive" -C "$folder/tried" --strip-components 1
env -i "$folder/tried/bin/ppplan" search --model llama8b --gpus 2 >/dev/null || { say "the unpacked program does not run"; exit 1; }
mv "$archive" "$to/"
say "$to/$(basename "$archive"), $((bytes / 1024)) KiB"
