#!/usr/bin/env bash
# Everything that a site without a way out needs, as one folder: infra/docker/bundle.sh OUT [TARGET…]
#
#   images/TARGET.tar.gz   docker images, platform, engine-cpu and engine-cuda unless told which
#   sbom/TARGET.cdx.json   what is in them (CycloneDX)
#   alloyworks-V.tgz       the Helm chart
#   values-airgapped.yaml, install.md, load.sh
#   SHA256SUMS             of all of these; load.sh checks them
#
# TORCH_CPU_INDEX is where PyTorch's builds for CPUs are (see the Dockerfile).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
chart=$root/infra/helm/alloyworks

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "$1"
  exit 1
}

build() {
  local target=$1 image=$2
  say "Building $image"
  docker build --file "$root/infra/docker/Dockerfile" --target "$target" --tag "$image" \
    --build-arg "TORCH_CPU_INDEX=${TORCH_CPU_INDEX:-}" "$root"
}

keep() {
  local target=$1 image=$2
  say "Saving $image"
  docker save "$image" | gzip >"$out/images/$target.tar.gz"
  docker run --rm --network none --entrypoint cat "$image" /opt/alloyworks/sbom.cdx.json \
    >"$out/sbom/$target.cdx.json"
}

[[ $# -ge 1 ]] || fail "How to call it: infra/docker/bundle.sh OUT [platform|engine-cpu|engine-cuda …]"
command -v docker >/dev/null || fail "docker is not there; a bundle is made of its images."
out=$1
shift
[[ ! -e $out ]] || fail "$out exists already; name a folder that does not."
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || targets=(platform engine-cpu engine-cuda)
version=$(sed -n 's/^version: //p' "$chart/Chart.yaml")

mkdir -p "$out/images" "$out/sbom"
out=$(cd "$out" && pwd -P)
for target in "${targets[@]}"; do
  build "$target" "alloyworks/$target:$version"
  keep "$target" "alloyworks/$target:$version"
done
# A chart's archive is a tar of its folder: no helm is needed to make it.
tar -czf "$out/alloyworks-$version.tgz" --owner=0 --group=0 -C "$chart/.." alloyworks
cp "$chart/values-airgapped.yaml" "$root/docs/install.md" "$root/infra/docker/load.sh" "$out"
(cd "$out" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS)
say "Done: $out. Carry it over and run ./load.sh REGISTRY there."
