#!/bin/sh
# Install the programs of the interop tests where this user may; the tests name what is still missing.
set -u
packages="samtools bcftools tabix curl wget aria2 jq chromium memcached swift-proxy swift-account swift-container swift-object nginx wrk libapache2-mod-auth-openidc apache2-bin oidc-agent-cli orthanc orthanc-dicomweb dcmtk dicom3tools fonts-dejavu-core fonts-wqy-zenhei"
npm="$(dirname "$0")/npm"
if command -v npm >/dev/null && [ ! -d "$npm/node_modules" ]; then
    npm install --prefix "$npm" --no-audit --no-fund --silent || echo "not installed: npm packages of $npm" >&2
fi
missing=""
for package in $packages; do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed (needs root and apt-get):$missing" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# Servers of Debian packages start by themselves; the tests start their own on loopback.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
# shellcheck disable=SC2086 - one word per package is meant
apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends install $missing >/dev/null
status=$?
rm -f /usr/sbin/policy-rc.d
exit $status
