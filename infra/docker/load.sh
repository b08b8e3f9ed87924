#!/usr/bin/env bash
# In a bundle on the far side: checks it, pushes its images to the site's registry, and writes
# values-images.yaml with their digests: ./load.sh registry.example.internal[/path]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

# The digest under which the registry knows an image that was pushed.
digest() {
  local found
  found=$(docker inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$1" |
    sed -n "s|^${1%:*}@||p" | head -n 1)
  [[ $found == sha256:* ]] || fail "The registry told no digest of $1."
  printf '%s' "$found"
}

key() {
  case $1 in
    platform) printf platform ;;
    engine-cpu) printf engineCpu ;;
    engine-cuda) printf engineCuda ;;
    *) fail "$1 is no image of ours." ;;
  esac
}

[[ $# -eq 1 ]] || fail "How to call it: ./load.sh REGISTRY"
registry=${1%/}
(cd "$here" && sha256sum --check --quiet SHA256SUMS) || fail "The bundle is damaged: copy it again."
version=$(basename "$here"/alloyworks-*.tgz .tgz)
version=${version#alloyworks-}

values=$here/values-images.yaml
printf 'images:\n  registry: %s\n' "$registry" >"$values.part"
for archive in "$here"/images/*.tar.gz; do
  target=$(basename "$archive" .tar.gz)
  name=$(key "$target")
  image=$registry/alloyworks/$target:$version
  docker load --quiet --input "$archive"
  docker tag "alloyworks/$target:$version" "$image"
  docker push --quiet "$image"
  found=$(digest "$image")
  printf '  %s: {digest: "%s"}\n' "$name" "$found" >>"$values.part"
done
mv "$values.part" "$values"
printf 'Pushed. Install with -f values-airgapped.yaml -f values-images.yaml and your own values last.\n'
