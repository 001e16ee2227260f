#!/usr/bin/env bash
# Writes a release to a folder: the chart, install.yaml, the CRD and its JSON schema, for
# each platform what the program of the image is made from (SBOM), the archives of the
# kubectl plugin and its manifest for krew, and the checksums of all. Two runs at one commit
# write the same bytes. `make release` runs it:
#
#   hack/release.sh VERSION IMAGE FOLDER PLATFORM...
#
# IMAGE is the repository of the image, without a tag, and the platforms are those of the
# image. KUSTOMIZE, HELM and CYCLONEDX_GOMOD are the tools. RELEASE_URL is where the archives
# will be, without a slash at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$1 image=$2 folder=$3
shift 3
# Semantic, and fit for the tag of an image, which has no "+".
if ! [[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
	echo "release: the version is \"$version\": give one such as v0.1.0 or v0.2.0-rc.1" >&2
	exit 1
fi
commit=$(git describe --always --dirty --abbrev=12 --exclude='*')
# The time in the archives.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$folder"
mkdir -p "$folder"

# replace FILE OLD NEW: the line OLD must be there.
replace() {
	grep -qFx -- "$2" "$1" || { echo "release: $1 has no line \"$2\"" >&2; exit 1; }
	awk -v old="$2" -v new="$3" '{print $0 == old ? new : $0}' "$1" > "$work/replaced"
	cat "$work/replaced" > "$1"
}

cp -R charts/clbtask-operator "$work/chart"
replace "$work/chart/values.yaml" "  repository: clbtask-operator" "  repository: $image"
# The simulator's image is its neighbor in the registry.
[[ $image != */* ]] || replace "$work/chart/values.yaml" "    repository: clbtask-simulator" "    repository: ${image%/*}/clbtask-simulator"
"$HELM" package "$work/chart" --version="${version#v}" --app-version="$version" --destination="$folder" > /dev/null

"$KUSTOMIZE" build config/default > "$folder/install.yaml"
replace "$folder/install.yaml" "        image: clbtask-operator:dev" "        image: $image:$version"
"$KUSTOMIZE" build config/crd > "$folder/clbtasks.clb.tencentcloud.com.yaml"
go run ./hack/crdschema "$folder/clbtasks.clb.tencentcloud.com.yaml" "$folder"

stamp=github.com/clbtask/clbtask-operator/internal/version
ldflags="-s -w -X $stamp.version=$version -X $stamp.commit=$commit"
for platform in "$@"; do
	# As in the Dockerfile.
	CGO_ENABLED=0 GOOS=${platform%/*} GOARCH=${platform#*/} go build -trimpath -buildvcs=false \
		-ldflags="$ldflags" -o "$work/manager" .
	# The compiler has just fetched all modules; this one may not be published yet.
	GOPROXY=off "$CYCLONEDX_GOMOD" bin -json -std -licenses -noserial -notimestamp -version="$version" \
		-output="$folder/clbtask-operator_${platform/\//_}.cdx.json" "$work/manager" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
done

# The plugin runs on the machines of users. Krew wants the license in the archive.
url=${RELEASE_URL:-https://github.com/clbtask/clbtask-operator/releases/download/$version}
sed "s|VERSION|$version|" hack/krew.yaml.txt > "$folder/clbtask.yaml"
mkdir "$work/plugin"
cp LICENSE "$work/plugin"
for platform in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do
	os=${platform%/*} arch=${platform#*/} bin=kubectl-clbtask
	[[ $os != windows ]] || bin+=.exe
	CGO_ENABLED=0 GOOS=$os GOARCH=$arch go -C cmd/kubectl-clbtask build -trimpath -buildvcs=false \
		-ldflags="$ldflags" -o "$work/plugin/$bin" .
	archive=kubectl-clbtask_${os}_$arch.tar.gz
	tar -C "$work/plugin" --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - "$bin" LICENSE |
		gzip -9n > "$folder/$archive"
	sum=$(sha256sum < "$folder/$archive")
	cat >> "$folder/clbtask.yaml" <<-END
	  - selector:
	      matchLabels: {os: $os, arch: $arch}
	    uri: $url/$archive
	    sha256: ${sum%% *}
	    bin: $bin
	END
	rm "$work/plugin/$bin"
done

(cd "$folder" && LC_ALL=C sha256sum -- * > "$work/sums")
mv "$work/sums" "$folder/SHA256SUMS"
echo "$folder: $version of commit $commit, with the image $image:$version"
