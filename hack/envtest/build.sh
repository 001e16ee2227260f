#!/usr/bin/env bash
#
# Puts a real etcd, kube-apiserver and kubectl where envtest looks for them:
#
#   bin/k8s/<version>-<os>-<arch>/{etcd,kube-apiserver,kubectl}
#   bin/k8s/current -> the folder of the version asked for last
#
# The layout is setup-envtest's own. setup-envtest is asked first, since a
# download takes seconds. Where its index cannot be reached the binaries are
# built from the sources that the Go module proxy serves, which needs nothing
# that building the operator does not need too.
#
# Everything for people goes to stderr, so that stdout holds only the path that
# --print-path asks for. The script avoids what bash 3.2 and BSD tools lack,
# because that is what macOS ships.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)

# A workspace file above this folder would replace the pinned dependencies.
export GOWORK=off

# An index that cannot be reached may hang rather than fail, and a proxy may
# swallow a download half-way; neither may cost more than it could have saved.
readonly index_seconds=25
readonly download_seconds=300

usage() {
	cat >&2 <<'USAGE'
usage: build.sh [--bin-dir DIR] [--print-path] [VERSION]
       build.sh --pin VERSION

VERSION is a Kubernetes version such as 1.37.2, or 1.37 for its newest patch.
Left out, it is the version that go.mod next to this script pins.

  --bin-dir DIR  put the binaries below DIR/k8s instead of bin/k8s
  --print-path   print the folder of the binaries on stdout
  --pin VERSION  build nothing; rewrite go.mod and go.sum for VERSION

environment:
  KUBEBUILDER_ASSETS  a folder that has all three binaries is used as it is
  ENVTEST_INDEX       another index for setup-envtest, such as a mirror's
USAGE
	exit 2
}

say() { printf 'envtest: %s\n' "$*" >&2; }

die() {
	say "$*"
	exit 1
}

# complete tells whether a folder holds all that envtest starts.
complete() {
	[ -x "$1/etcd" ] && [ -x "$1/kube-apiserver" ] && [ -x "$1/kubectl" ]
}

# use_folder makes bin/k8s/current point to a folder and ends the script. The
# link is left alone when it is right already: tests may be reading through it.
use_folder() {
	mkdir -p "$store"
	if [ "$(readlink "$store/current" 2>/dev/null)" != "$1" ]; then
		ln -sfn "$1" "$store/current"
	fi
	if [ "$print_path" = yes ]; then
		(cd "$store/current" && pwd -P)
	fi
	exit 0
}

# use_assets_of_caller honours a KUBEBUILDER_ASSETS from outside. One that
# points into our own store is most likely our own bin/k8s/current, exported by
# a make rule; it must not win over the version asked for.
use_assets_of_caller() {
	local given=${KUBEBUILDER_ASSETS:-}
	if [ -z "$given" ]; then
		return
	fi
	if ! complete "$given"; then
		say "KUBEBUILDER_ASSETS=$given lacks some of etcd, kube-apiserver and kubectl; not used"
		return
	fi
	given=$(cd "$given" && pwd -P)
	case $given in
	"$store"/*) return ;;
	esac
	say "using KUBEBUILDER_ASSETS=$given"
	use_folder "$given"
}

# take_lock keeps two runs from compiling the same thing twice at a time. The
# lock is a symlink that "points to" the process holding it, because creating
# one is atomic and needs no flock, which macOS lacks. A lock whose process is
# gone is taken over; should two runs do so at once, both build, which wastes
# time but breaks nothing, since binaries are moved into place whole.
take_lock() {
	local holder told=no
	until ln -s "$$" "$scratch/lock" 2>/dev/null; do
		holder=$(readlink "$scratch/lock" || true)
		if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
			rm -f "$scratch/lock"
			continue
		fi
		if [ "$told" = no ]; then
			say "waiting for process $holder, which is doing the same"
			told=yes
		fi
		sleep 1
	done
}

# clean_up runs on every exit, Ctrl-C included.
clean_up() {
	if [ -n "$child" ]; then
		kill "$child" 2>/dev/null || true
	fi
	if [ -n "$temporary" ]; then
		rm -f "$temporary"
	fi
	if [ "$(readlink "$scratch/lock" 2>/dev/null)" = "$$" ]; then
		rm -f "$scratch/lock"
	fi
}

# bounded runs a command and ends it after so many seconds. It stands in for
# timeout(1), which macOS lacks.
bounded() {
	local limit=$1 deadline=$((SECONDS + $1)) status=0
	shift
	"$@" &
	child=$!
	while kill -0 "$child" 2>/dev/null; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			kill "$child" 2>/dev/null || true
			printf 'no end after %s s\n' "$limit" >&2
			break
		fi
		sleep 0.2
	done
	wait "$child" 2>/dev/null || status=$?
	child=
	return "$status"
}

# setup_envtest runs the pinned setup-envtest on a store of its own. It writes
# into the final folder as it unpacks and takes a folder that exists for a whole
# one, so an interrupted run in bin/k8s would poison it.
setup_envtest() {
	local seconds=$1 command=$2 selector=$3
	shift 3
	if [ -n "${ENVTEST_INDEX:-}" ]; then
		set -- --index "$ENVTEST_INDEX" "$@"
	fi
	bounded "$seconds" "$scratch/setup-envtest" "$command" "$selector" \
		--bin-dir "$scratch/download" --os "$os" --arch "$arch" "$@"
}

# download fetches ready-made binaries into bin/k8s, or fails. Only some patch
# releases are published ready-made. Another patch of the minor asked for serves
# as well, since patches do not change the API; a link under the version asked
# for says which one it is.
download() {
	local began=$SECONDS offered=$scratch/offered errors=$scratch/errors chosen folder
	say "building setup-envtest"
	if ! CGO_ENABLED=0 GOOS=$os GOARCH=$arch go -C "$root/hack/tools" build -mod=readonly -buildvcs=false -trimpath \
		-o "$scratch/setup-envtest" sigs.k8s.io/controller-runtime/tools/setup-envtest; then
		say "setup-envtest does not build"
		return 1
	fi

	say "asking it for Kubernetes $version"
	# An interrupted run may have left a read-only folder.
	chmod -R u+w "$scratch/download" 2>/dev/null || true
	rm -rf "$scratch/download"
	if ! setup_envtest "$index_seconds" list "$minor.x" >"$offered" 2>"$errors"; then
		say "its index cannot be reached: $(tail -n 1 "$errors")"
		return 1
	fi
	# The newest comes first; the version asked for wins where it is offered.
	chosen=$(awk -v want="v$version" '
		NR == 1 || $2 == want { chosen = substr($2, 2) }
		END { print chosen }' "$offered")
	if [ -z "$chosen" ]; then
		say "it offers no Kubernetes $minor for $os/$arch"
		return 1
	fi

	say "downloading Kubernetes $chosen"
	if ! setup_envtest "$download_seconds" use "$chosen" >/dev/null 2>"$errors"; then
		say "the download failed: $(tail -n 1 "$errors")"
		return 1
	fi
	folder=$scratch/download/k8s/$chosen-$os-$arch
	if ! complete "$folder"; then
		say "the download lacks some of etcd, kube-apiserver and kubectl"
		return 1
	fi
	# setup-envtest makes the folder read-only, which forbids moving it.
	chmod u+w "$folder"
	if ! complete "$store/$chosen-$os-$arch"; then
		rm -rf "${store:?}/$chosen-$os-$arch"
		mv "$folder" "$store/$chosen-$os-$arch"
	fi
	if [ "$chosen" != "$version" ]; then
		say "Kubernetes $chosen stands in for $version, which is not published ready-made"
		# An interrupted build may have left a folder there.
		rm -rf "${target:?}"
		ln -sfn "$chosen-$os-$arch" "$target"
	fi
	say "downloaded in $((SECONDS - began)) s"
}

# write_module makes DIR a module that builds a Kubernetes version. Its go.mod
# is that of Kubernetes itself, so that every dependency has the version that
# the release was tested with. Only the staging modules (k8s.io/api and so on)
# are named differently: Kubernetes takes them from folders of its repository,
# which are not in the module, but each is also published under v0.
write_module() {
	local dir=$1 version=$2 original
	original=$(go -C "$here" list -m -mod=readonly -f '{{.GoMod}}' "k8s.io/kubernetes@v$version")
	[ -n "$original" ] || die "no go.mod of Kubernetes $version"
	mkdir -p "$dir"
	{
		printf '// Written by build.sh from the go.mod of Kubernetes %s.\n' "$version"
		sed -n -e "s,=> \./staging/src/\(k8s\.io/.*\)\$,=> \1 v0.${version#1.}," \
			-e 's,^module .*,module github.com/clbtask/clbtask-operator/hack/envtest,' \
			-e '/^module /,$p' "$original"
	} >"$dir/go.mod"
	go -C "$dir" mod edit -require="k8s.io/kubernetes@v$version"
}

# pin rewrites go.mod and go.sum next to this script.
pin() {
	local name
	write_module "$here" "$1"
	for name in kube-apiserver kubectl; do
		go -C "$here" mod edit -tool="k8s.io/kubernetes/cmd/$name"
	done
	go -C "$here" mod tidy
	say "pinned Kubernetes $1; etcd is pinned apart, in etcd/go.mod"
}

# build compiles one binary unless it is there already. It appears under its
# name only when whole.
build() {
	local name=$1 release=$2 dir=$3 package=$4 began=$SECONDS
	shift 4
	if [ -x "$target/$name" ]; then
		return
	fi
	case $name in
	kube-apiserver) say "building $name v$release from source: some ten minutes, once" ;;
	*) say "building $name v$release from source" ;;
	esac
	temporary=$target/.$name.$$
	# The caller may be cross-compiling the operator; these run right here.
	CGO_ENABLED=0 GOOS=$os GOARCH=$arch go -C "$dir" build -buildvcs=false -trimpath \
		-o "$temporary" "$@" "$package"
	mv -f "$temporary" "$target/$name"
	temporary=
	say "built $name in $((SECONDS - began)) s"
}

# build_from_source fills bin/k8s/<version>-<os>-<arch>.
build_from_source() {
	local dir=$here mod=readonly flags='-s -w' package name etcd_version
	if [ "$version" != "$pinned" ]; then
		dir=$scratch/kubernetes-$version
		# Only the pinned version has a complete go.sum in the repository.
		mod=mod
		if [ ! -f "$dir/go.sum" ]; then
			say "resolving the dependencies of Kubernetes $version"
			write_module "$dir" "$version"
		fi
	fi
	# The API server reports these numbers, and compares them with those of
	# the features it serves; without them it takes itself for v0.0.0.
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		flags="$flags -X $package.gitVersion=v$version -X $package.gitMajor=1 -X $package.gitMinor=${minor#1.}"
	done
	etcd_version=$(sed -n 's,^.*go\.etcd\.io/etcd/server/v3 v\([0-9.]*\).*,\1,p' "$here/etcd/go.mod")

	# A link to a stand-in that was deleted since would be in the way.
	if [ -L "$target" ]; then
		rm -f "$target"
	fi
	mkdir -p "$target"
	# A run that was killed outright could not clean up.
	rm -f "$target"/.[a-z]*.[0-9]*
	build etcd "$etcd_version" "$here/etcd" go.etcd.io/etcd/server/v3 -mod=readonly -ldflags '-s -w'
	for name in kubectl kube-apiserver; do
		build "$name" "$version" "$dir" "k8s.io/kubernetes/cmd/$name" -mod="$mod" -ldflags "$flags"
	done
}

# resolve_version sets version to X.Y.Z and minor to X.Y.
resolve_version() {
	version=${version#v}
	version=${version%.x}
	case $version in
	'') version=$pinned ;;
	"${pinned%.*}") version=$pinned ;;
	1.*.*) ;;
	1.*)
		version=$(go -C "$here" list -m -mod=readonly -f '{{.Version}}' "k8s.io/kubernetes@v$version")
		version=${version#v}
		;;
	esac
	case $version in
	*[!0-9.]* | *.*.*.*) die "no Kubernetes version: $version" ;;
	1.*.*) ;;
	*) die "no Kubernetes version: $version" ;;
	esac
	minor=${version%.*}
}

bin=$root/bin
print_path=no
version=
pin_to=
while [ $# -gt 0 ]; do
	case $1 in
	--bin-dir)
		[ $# -ge 2 ] || usage
		bin=$2
		shift
		;;
	--pin)
		[ $# -ge 2 ] || usage
		pin_to=$2
		shift
		;;
	--print-path) print_path=yes ;;
	-*) usage ;;
	*)
		[ -z "$version" ] || usage
		version=$1
		;;
	esac
	shift
done

pinned=$(sed -n 's,^.*k8s\.io/kubernetes v\([0-9.]*\).*,\1,p' "$here/go.mod")
if [ -n "$pin_to" ]; then
	version=$pin_to
	resolve_version
	pin "$version"
	exit 0
fi

mkdir -p "$bin/k8s" "$bin/envtest"
store=$(cd "$bin/k8s" && pwd -P)
scratch=$(cd "$bin/envtest" && pwd -P)
use_assets_of_caller
resolve_version

os=$(go env GOHOSTOS)
arch=$(go env GOHOSTARCH)
target=$store/$version-$os-$arch
if complete "$target"; then
	use_folder "${target##*/}"
fi

child=
temporary=
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
take_lock
# Another run may have finished the work while this one waited.
if ! complete "$target"; then
	download || build_from_source
	complete "$target" || die "$target lacks some of etcd, kube-apiserver and kubectl"
fi
use_folder "${target##*/}"
