# compare_arm.sh SCHEME NAME ROWS COLUMNS COMPONENTS COUNT
# Kernels for AArch64 must write the same bytes under qemu as those for x86 do
# here; each CPU must get its own product instruction.
set -euo pipefail
scheme=$1 name=$2 rows=$3 columns=$4 components=$5 count=$6
here=$(dirname "$0")
arguments=$(seq 0 $((count - 1)) | sed 's/.*/buffer(&)/' | paste -sd,)
python3 "$here/one_linear.py" "$scheme" "$rows" "$columns" > "$name.mlir"

build() { # output, options of the kernel, options of the driver
  qopt "$name.mlir" --lower-to-llvm-cpu="$2" --emit=obj -o "$1.o"
  clang-22 -O1 -std=c99 -w -ffreestanding -fno-stack-protector -nostdlib \
    -static -fuse-ld=lld $3 "-DKERNEL=qopt_linear_${name}_n${rows}_k$columns" \
    -DROWS=$rows -DCOLUMNS=$columns "-DCOMPONENTS=$components" \
    "-DARGUMENTS=$arguments" "$here/kernel_driver.c" "$1.o" -o "$1"
}
arm() { # CPU, product instruction or none
  build "$name.$1" "triple=aarch64-linux-gnu cpu=$1" --target=aarch64-linux-gnu
  llvm-objdump -d "$name.$1.o" > "$name.$1.s"
  for instruction in sdot usdot; do
    if grep -qw "$instruction" "$name.$1.s"; then found=yes; else found=no; fi
    if [ "$2" = "$instruction" ]; then wanted=yes; else wanted=no; fi
    [ $found = $wanted ] || { echo "$1: $instruction in code: $found"; exit 1; }
  done
  qemu-aarch64 -cpu max "$name.$1" > "$name.$1.out"
  cmp "$name.x86.out" "$name.$1.out"
}
build "$name.x86" cpu=x86-64-v3 ""
"./$name.x86" > "$name.x86.out"
arm cortex-a76 sdot
arm neoverse-v1 usdot
arm cortex-a53 none
